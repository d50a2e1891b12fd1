"""The index of content hashes: in which rows of each data file a content is.

Content hashes are random, so the bounds of a column leave out no file. The index has five bytes of
each row's hash, in 256 buckets by the first of them. A content is found by reading one bucket of
each file. Another content that begins alike is found too; the scan tells them apart.

A data file never changes, so neither does what the index has of it. A file that isn't in the index
is read. It is derived, and lies beside the counts of files: see `app.query.counts_models`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select, text

from app.query.counts_models import HashedFile, HashRows
from app.query.snapshots import SnapshotView
from app.state.db import Database
from app.state.derived import DerivedLost
from app.versions.keys import CONTENT_HASH, content_key
from catalog.plans import DataFile
from catalog.scan import NO_ROWS, CandidateRows, read

_BUCKETS: Final = range(256)
_FILES: Final = 1 << 40
"""More files than there will ever be."""
_HASH_BYTES: Final = 5
"""Bytes of a hash that are kept: a file of another content is opened for one in 10^12 rows."""
_HASH_DIGITS: Final = 2 * _HASH_BYTES
_IS_OWN_HASH: Final = "^[0-9a-f]{32}"
_LEFT, _POSITION = np.dtype("<u4"), np.dtype("<u4")
"""The types of what is left of a hash within a bucket, and of a row's position in its file."""
_ENTRY_BYTES: Final = _LEFT.itemsize + _POSITION.itemsize
_OF_BUCKET: Final = text(
    "SELECT path, entries FROM content_hash_files LEFT JOIN content_hash_rows"
    " ON place = :first + number"
)


class ContentHashIndex:
    """Tells in which rows of data files a content may be, for the files of the newest snapshot."""

    def __init__(self, database: Database) -> None:
        """Use a database.

        Args:
            database: The database of counts, see `FileCounts`.
        """
        self._database = database

    def candidates(self, content_hash: str) -> CandidateRows:
        """Return what tells in which rows of a data file a content may be."""
        known: dict[str, pa.Array] = {}
        with suppress(DerivedLost), self._database.read() as connection:
            known = dict(_positions(connection, content_key(content_hash)))
        return lambda file: known.get(file.path)

    def keep_up(self, view: SnapshotView, goes_on: Callable[[], bool]) -> int:
        """Index the files of a snapshot, and forget other files.

        Args:
            view: The table as of its newest snapshot.
            goes_on: Tells after each file whether to go on.

        Returns:
            How many files were indexed.
        """
        files = view.files()
        known = self.paths()
        self._forget(known - {file.path for file in files})
        indexed = 0
        for file in files:
            if file.path in known:
                continue
            entries = _entries(view, file)
            with self._writing() as connection:
                _add_file(connection, file.path, entries)
            indexed += 1
            if not goes_on():
                break
        return indexed

    def forget_others(self, view: SnapshotView) -> None:
        """Forget all files but those of a snapshot.

        Args:
            view: The table as of its newest snapshot.
        """
        # Whoever finds the database damaged removes it, so that nothing is left to forget.
        with suppress(DerivedLost):
            self._forget(self.paths() - {file.path for file in view.files()})

    def clear(self) -> None:
        """Forget everything."""
        with self._writing() as connection:
            for model in (HashRows, HashedFile):
                connection.execute(delete(model))

    def paths(self) -> set[str]:
        """Return the paths of all files that are indexed.

        Raises:
            DerivedLost: The database is missing or damaged.
        """
        with self._database.read() as connection:
            return set(connection.scalars(select(HashedFile.path)))

    def wrong(self, view: SnapshotView, paths: Collection[str]) -> Iterator[str]:
        """Yield the paths of those of some files of which the index is wrong.

        Args:
            view: The table as of its newest snapshot.
            paths: The paths of files of the snapshot that are indexed.
        """
        for file in view.files():
            if file.path not in paths:
                continue
            with self._database.read() as connection:
                stored = _stored(connection, file.path)
            # It was replaced meanwhile when there is nothing.
            if stored is not None and stored != _entries(view, file):
                yield file.path

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction; others can't write to the index meanwhile."""
        with self._database.write_erasing() as connection:
            if not self._database.is_sqlite:
                table = HashedFile.__tablename__
                connection.exec_driver_sql(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            yield connection

    def _forget(self, paths: Collection[str]) -> None:
        for path in sorted(paths):
            with self._writing() as connection:
                number = connection.scalar(select(HashedFile.number).where(HashedFile.path == path))
                if number is not None:
                    connection.execute(delete(HashRows).where(HashRows.place.in_(_places(number))))
                    connection.execute(delete(HashedFile).where(HashedFile.number == number))


def _places(number: int) -> list[int]:
    """Return the keys of what a file has in each bucket, beside which is what other files have."""
    return [bucket * _FILES + number for bucket in _BUCKETS]


def _entries(view: SnapshotView, file: DataFile) -> dict[int, bytes]:
    """Return the hashes of a file's rows, by buckets.

    A bucket has what is left of its hashes, in ascending order, and then the positions of their
    rows.
    """
    batches = read(view.table, [file], [CONTENT_HASH])
    keys = _starts(batch.column(CONTENT_HASH) for batch in batches)
    first_bytes = keys[:, 0]
    left = np.ascontiguousarray(keys[:, 1:]).view(">u4").ravel()
    # It keeps the order of equal ones, so that the positions of a content ascend.
    order = np.lexsort((left, first_bytes))
    bounds = np.searchsorted(first_bytes[order], np.arange(len(_BUCKETS) + 1))
    found = {}
    for bucket in np.unique(first_bytes).tolist():
        rows = order[bounds[bucket] : bounds[bucket + 1]]
        found[bucket] = left[rows].astype(_LEFT).tobytes() + rows.astype(_POSITION).tobytes()
    return found


def _starts(columns: Iterable[pa.Array]) -> NDArray[np.uint8]:
    """Return the first bytes of the keys of content hashes, a row for each."""
    digits: list[str] = []
    for column in columns:
        own = pc.match_substring_regex(column, _IS_OWN_HASH)
        starts = pc.utf8_slice_codeunits(column, 0, _HASH_DIGITS)
        if not pc.all(own, min_count=0).as_py():
            # Another engine may have written anything.
            foreign = [content_key(each).hex()[:_HASH_DIGITS] for each in column.to_pylist()]
            starts = pc.if_else(own, starts, pa.array(foreign, starts.type))
        digits += starts.to_pylist()
    return np.frombuffer(bytes.fromhex("".join(digits)), np.uint8).reshape(-1, _HASH_BYTES)


def _add_file(connection: Connection, path: str, entries: dict[int, bytes]) -> None:
    """Add a file, unless it is there."""
    if connection.scalar(select(HashedFile.number).where(HashedFile.path == path)):
        return
    inserted = connection.execute(
        insert(HashedFile).returning(HashedFile.number), {"path": path}
    ).scalar_one()
    places = _places(inserted)
    rows = [{"place": places[bucket], "entries": each} for bucket, each in entries.items()]
    if rows:
        connection.execute(insert(HashRows), rows)


def _stored(connection: Connection, path: str) -> dict[int, bytes] | None:
    """Return what the index has of a file, by buckets; None if it hasn't got the file."""
    number = connection.scalar(select(HashedFile.number).where(HashedFile.path == path))
    if number is None:
        return None
    rows = select(HashRows.place, HashRows.entries).where(HashRows.place.in_(_places(number)))
    return {place // _FILES: bytes(entries) for place, entries in connection.execute(rows)}


def _positions(connection: Connection, key: bytes) -> Iterator[tuple[str, pa.Array]]:
    """Yield the indexed files, each with the positions of the rows that may have a content."""
    bucket, left = key[0], int.from_bytes(key[1:_HASH_BYTES], "big")
    for path, entries in connection.execute(_OF_BUCKET, {"first": bucket * _FILES}):
        yield path, NO_ROWS if entries is None else _positions_in(entries, left)


def _positions_in(entries: bytes, left: int) -> pa.Array:
    """Return the positions of the rows of a bucket in which a content may be, ascending.

    Args:
        entries: The bucket.
        left: What is left of the content's hash.
    """
    # Quicker than to compare numbers, of which some hundred are in a bucket.
    if left.to_bytes(_LEFT.itemsize, "little") not in entries:
        return NO_ROWS
    number = len(entries) // _ENTRY_BYTES
    lefts = np.frombuffer(entries, _LEFT, number)
    first, end = np.searchsorted(lefts, [left, left + 1])
    positions = np.frombuffer(entries, _POSITION, number, number * _LEFT.itemsize)
    return pa.array(positions[first:end].astype(np.int64))
