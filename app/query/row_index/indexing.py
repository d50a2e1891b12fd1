"""Keeping the index of rows up to the newest snapshot."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import Final

from sqlalchemy import Connection

from app.query.file_selection import FileSelection
from app.query.filters import Filters
from app.query.replaced import ReplacedReader
from app.query.row_index import contributors, positions
from app.query.row_index.contributors import BUCKETS, CONTRIBUTOR_COLUMNS, Bucket, encode, summed
from app.query.row_index.index import (
    IndexedFile,
    IndexedRows,
    RowIndex,
    Summand,
    add_file,
    clear,
    files_of,
    remove_files,
    rows_of,
    set_totals,
    take_out_of_totals,
    terms_of,
    totals_of,
)
from app.query.snapshots import SnapshotView
from app.state.derived import DerivedLost
from app.versions.keys import CONTENT_HASH
from catalog.reading.plans import DataFile
from catalog.reading.scan import read
from catalog.replaced import ReplacedFile
from catalog.schema import ID

_COLUMNS: Final = (CONTENT_HASH, *CONTRIBUTOR_COLUMNS)
_REPLACED_COLUMNS: Final = (ID, *CONTRIBUTOR_COLUMNS)
_SHARE_OF_TOTALS: Final = 8
"""One row in so many of the totals may be in files that readers add or take away."""
_MOST_BESIDE: Final = 64
"""The most files that readers add to the totals or take away from them."""


class RowIndexing:
    """Adds the data files of the newest snapshot to the index, and removes others."""

    def __init__(self, index: RowIndex, replaced: ReplacedReader) -> None:
        """Prepare to index.

        Args:
            index: The index.
            replaced: Tells which contributions a later version replaced.
        """
        self._index = index
        self._replaced = replaced

    def keep_up(self, view: SnapshotView, goes_on: Callable[[], bool]) -> int:
        """Index the files of a snapshot, and forget other files.

        Args:
            view: The table as of its newest snapshot.
            goes_on: Tells after each file whether to go on.

        Returns:
            How many files were indexed.
        """
        selected = FileSelection.of(view, Filters(), self._replaced)
        paths = selected.whole_paths()
        with self._index.reading() as connection:
            known = files_of(connection)
        gone = [file for file in known.values() if file.path not in paths]
        if any(not file.is_in_totals for file in gone):
            with self._index.writing() as connection:
                remove_files(connection, [file for file in gone if not file.is_in_totals])
        indexed = 0
        for file, sign, rows in _read(selected, paths - known.keys()):
            with self._index.writing() as connection:
                add_file(connection, file.path, sign, file.rows, rows)
            indexed += 1
            if not goes_on():
                return indexed
        self._add_up(paths)
        return indexed

    def take_over(self, merged: Mapping[str, Sequence[str]]) -> None:
        """Give files of `replaced` what the index has of those of which they have the rows.

        Where nothing is known of these, nothing is done.

        Args:
            merged: The path of each new file, with the paths of the files whose place it takes.
        """
        with suppress(DerivedLost), self._index.writing() as connection:
            known = files_of(connection)
            for path, old_paths in merged.items():
                old = [known[each] for each in old_paths if each in known]
                if len(old) == len(old_paths) and all(file.is_complete for file in old):
                    _merge_files(connection, path, old)

    def forget_others(self, view: SnapshotView) -> None:
        """Forget all files but those of a snapshot, and take them out of the totals.

        Args:
            view: The table as of its newest snapshot.
        """
        paths = FileSelection.of(view, Filters(), self._replaced).whole_paths()
        # Whoever finds the database damaged removes it, so that nothing is left to forget.
        with suppress(DerivedLost), self._index.writing() as connection:
            if files_of(connection).keys() - paths:
                _set_totals(connection, paths)

    def clear(self) -> None:
        """Forget everything."""
        with self._index.writing() as connection:
            clear(connection)

    def paths(self) -> set[str]:
        """Return the paths of all files that are indexed."""
        with self._index.reading() as connection:
            return set(files_of(connection))

    def wrong(self, view: SnapshotView, paths: Collection[str]) -> Iterator[str]:
        """Yield the paths of those of some files of which the index is wrong.

        Args:
            view: The table as of its newest snapshot.
            paths: The paths of files of the snapshot that are indexed.
        """
        selected = FileSelection.of(view, Filters(), self._replaced)
        for file, sign, rows in _read(selected, set(paths)):
            with self._index.reading() as connection:
                known = files_of(connection).get(file.path)
                found = rows_of(connection, known) if known else None
            if known is None:
                # It was replaced meanwhile.
                continue
            if (known.sign, known.rows, found) != (sign, file.rows, rows):
                yield file.path

    def wrong_totals(self) -> Iterator[int]:
        """Yield the buckets whose totals aren't the sums of their files."""
        with self._index.reading() as connection:
            files = files_of(connection).values()
            signs = {file: Summand(file.sign) for file in files if file.is_in_totals}
            for bucket in BUCKETS:
                buckets = range(bucket, bucket + 1)
                summands = list(terms_of(connection, buckets, signs))
                totals = list(totals_of(connection, buckets))
                if encode(summed(summands)) != b"".join(total.sums for total in totals):
                    yield bucket

    def _add_up(self, paths: Collection[str]) -> None:
        """Bring the totals to the files of a snapshot if too many are beside them."""
        with self._index.reading() as connection:
            known = files_of(connection)
        beside = beside_totals(known.values(), paths)
        in_totals = sum(file.rows for file in known.values() if file.is_in_totals)
        if (
            sum(file.rows for file in beside) * _SHARE_OF_TOTALS > in_totals
            or len(beside) > _MOST_BESIDE
        ):
            with self._index.writing() as connection:
                _set_totals(connection, paths)


def beside_totals(files: Collection[IndexedFile], paths: Collection[str]) -> dict[IndexedFile, int]:
    """Return the files by which a sum over some files differs from the totals.

    Args:
        files: All files of the index.
        paths: The paths of the files of the sum.

    Returns:
        The files with the sign of their counts in the difference.
    """
    return {
        file: file.sign if file.path in paths else -file.sign
        for file in files
        if file.is_complete and file.is_in_totals != (file.path in paths)
    }


def _set_totals(connection: Connection, paths: Collection[str]) -> None:
    """Set the totals to the sums of the files with some paths, and remove all other files."""
    known = files_of(connection).values()
    beside = beside_totals(known, paths)
    signs = {file: Summand(sign) for file, sign in beside.items()}
    changed = reduce(or_, (file.buckets for file in beside), 0)
    totals = (
        (bucket, _total(connection, bucket, signs)) for bucket in BUCKETS if changed >> bucket & 1
    )
    kept = [file.number for file in known if file.path in paths and file.is_complete]
    set_totals(connection, totals, kept)
    remove_files(connection, [file for file in known if file.path not in paths])


def _merge_files(connection: Connection, path: str, old: Sequence[IndexedFile]) -> None:
    """Add a file with the rows of others of `replaced`, and put it into their place in totals."""
    parts = defaultdict[int, list[Bucket]](list)
    for file in old:
        for name, bucket in (rows_of(connection, file).contributors or {}).items():
            parts[name].append(bucket)
    merged = {name: contributors.merge(of_bucket) for name, of_bucket in parts.items()}
    is_in_totals = all(file.is_in_totals for file in old)
    rows = sum(file.rows for file in old)
    indexed = IndexedRows(merged)
    add_file(connection, path, old[0].sign, rows, indexed, is_in_totals=is_in_totals)
    if is_in_totals:
        take_out_of_totals(connection, [file.number for file in old])


def _total(connection: Connection, bucket: int, beside: Mapping[IndexedFile, Summand]) -> bytes:
    buckets = range(bucket, bucket + 1)
    terms = [*totals_of(connection, buckets), *terms_of(connection, buckets, beside)]
    return encode(summed(terms))


def _read(
    selected: FileSelection, paths: Collection[str]
) -> Iterator[tuple[DataFile | ReplacedFile, int, IndexedRows]]:
    """Yield those files of a selection that have some paths, with signs and what is indexed."""
    for file in selected.files:
        if file.path in paths:
            batches = list(read(selected.view.table, [file], _COLUMNS))
            hashes = (batch.column(CONTENT_HASH) for batch in batches)
            yield file, 1, IndexedRows(contributors.gather(batches), positions.gather(hashes))
    named = [file for file in selected.replaced_files if file.path in paths]
    for replaced, rows in selected.replaced_by_day(named, _REPLACED_COLUMNS):
        numbers = selected.numbers_of(replaced, rows[ID])
        buckets = contributors.gather_replaced(rows.to_batches(), numbers)
        yield replaced, -1, IndexedRows(buckets)
