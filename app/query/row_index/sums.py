"""Counts by contributor, as sums of what the index has of files.

They are sums as other statistics are, see `app.query.counts.summaries`: of the raw table's files,
less the contributions that files of `replaced` name, less the hidden ones. For a snapshot that has
nearly all files, the totals are taken, and only the files by which it differs from them are added
or taken away.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import pyarrow as pa
from sqlalchemy import Connection

from app.query.counts.dimensions import Dimension
from app.query.counts.groups import COUNTS, GroupCounts, LargestGroups
from app.query.file_selection import FileSelection
from app.query.filters import Filters
from app.query.replaced import ReplacedReader
from app.query.row_index.contributors import (
    BUCKETS,
    CONTRIBUTOR,
    CONTRIBUTOR_COLUMNS,
    SUMS_SCHEMA,
    Bucket,
    Term,
    gather,
    summed,
)
from app.query.row_index.index import (
    IndexedFile,
    RowIndex,
    Summand,
    files_of,
    terms_of,
    totals_of,
)
from app.query.row_index.indexing import beside_totals
from app.query.snapshots import SnapshotView
from app.state.derived import DerivedLost
from catalog.reading.plans import DataFile
from catalog.reading.scan import read
from catalog.replaced import ReplacedFile
from catalog.schema import ID

_COLUMNS: Final = (ID, *CONTRIBUTOR_COLUMNS)
_MOST_READ: Final = 200_000
"""The most rows of files outside the index that are read for it, since their sums are in memory."""
_ROWS_AT_ONCE: Final = 200_000
"""Rows whose sums are in memory at once, where no bucket has more."""
_EPOCH: Final = date(1970, 1, 1)


@dataclass(slots=True)
class _Summands:
    """What is to be summed. Days are in days since 1970, and None for sums of all days.

    Attributes:
        rows: An upper bound of the number of entries of all terms.
        has_totals: Whether the totals are added.
        stored: Files of the index, each with what is added of it.
        in_part: Files of `replaced` of which the snapshot has only a part, likewise.
        read: Contributors of rows that were read, by buckets, with sign and day.
    """

    rows: int
    has_totals: bool
    stored: Mapping[IndexedFile, Summand]
    in_part: Mapping[IndexedFile, Summand] = field(default_factory=dict)
    read: list[tuple[Mapping[int, Bucket], int, int | None]] = field(default_factory=list)

    def terms(self, connection: Connection, buckets: range) -> Iterator[Term]:
        """Yield the terms of the sum of some buckets."""
        if self.has_totals:
            yield from totals_of(connection, buckets)
        for files in (self.stored, self.in_part):
            yield from terms_of(connection, buckets, files)
        for of_rows, sign, day in self.read:
            for bucket in of_rows.keys() & {*buckets}:
                yield Term(bucket, of_rows[bucket].sums, sign, day)


class ContributorSums:
    """Counts contributions and turns by contributor, with one bucket in memory at a time."""

    def __init__(self, index: RowIndex, replaced: ReplacedReader) -> None:
        """Prepare to sum.

        Args:
            index: The index of rows.
            replaced: Tells which contributions a later version replaced.
        """
        self._index = index
        self._replaced = replaced

    @staticmethod
    def can_count(filters: Filters, by: Sequence[Dimension]) -> bool:
        """Tell whether contributions can be counted without looking at each.

        Args:
            filters: The conditions that they meet: none but on days.
            by: The dimensions: contributors, and maybe the day.
        """
        return filters.are_of_days and {*by} - {"day"} == {CONTRIBUTOR}

    def count(
        self, view: SnapshotView, filters: Filters, by: Sequence[Dimension], max_groups: int
    ) -> GroupCounts | None:
        """Return counts by contributor, and maybe day; None if they have to be scanned.

        Args:
            view: The table as of a snapshot.
            filters: Conditions that `can_count` takes.
            by: Dimensions that `can_count` takes.
            max_groups: How many groups are returned at most, the largest first.
        """
        largest = LargestGroups(SUMS_SCHEMA, max_groups)
        if not self._sum_up(view, filters, largest.add, by_day="day" in by):
            return None
        groups = _named(largest.largest()).sort_by([(name, "ascending") for name in by])
        return GroupCounts(groups.select([*by, *COUNTS]), largest.total)

    def number(self, view: SnapshotView) -> int | None:
        """Return how many contributors with an id a snapshot has; None if they have to be scanned.

        Args:
            view: The table as of the snapshot.
        """
        named: list[int] = []
        is_known = self._sum_up(
            view,
            Filters(),
            lambda sums: named.append(sum(map(bool, sums[CONTRIBUTOR].to_pylist()))),
            by_day=False,
        )
        return sum(named) if is_known else None

    def _sum_up(
        self,
        view: SnapshotView,
        filters: Filters,
        take: Callable[[pa.Table], None],
        *,
        by_day: bool,
    ) -> bool:
        """Sum up a snapshot, some contributors after others; return whether the index could tell.

        Args:
            view: The table as of the snapshot.
            filters: Conditions that `can_count` takes.
            take: Takes the sums of some contributors.
            by_day: Whether sums are by day, too.
        """
        selected = FileSelection.of(view, filters, self._replaced)
        try:
            with self._index.reading() as connection:
                summands = _summands(selected, files_of(connection), by_day=by_day)
                if summands is None:
                    return False
                at_once = max(1, _ROWS_AT_ONCE * len(BUCKETS) // (summands.rows + 1))
                for first in range(0, len(BUCKETS), at_once):
                    buckets = BUCKETS[first : first + at_once]
                    take(summed(list(summands.terms(connection, buckets))))
        except DerivedLost:
            return False
        return True


def _summands(
    selected: FileSelection, known: Mapping[str, IndexedFile], *, by_day: bool
) -> _Summands | None:
    """Return what is to be summed; None if the contributors of some rows can't be indexed."""
    files: list[DataFile | ReplacedFile] = [*selected.files, *selected.replaced_files]
    indexed = {file.path: file for file in files if file.path in known}
    if not all(known[path].is_complete for path in indexed):
        return None
    whole = {path: file for path, file in indexed.items() if selected.is_whole(file)}
    in_part = {
        path: file
        for path, file in indexed.items()
        if isinstance(file, ReplacedFile) and path not in whole
    }
    others = [file for file in files if file.path not in whole.keys() | in_part.keys()]
    if sum(file.rows for file in others) > _MOST_READ:
        return None
    days = {known[path]: _number_of(file.day, by_day) for path, file in whole.items()}
    summands = _stored(known.values(), days)
    summands.in_part = {
        known[path]: Summand(-1, _number_of(file.day, by_day), selected.number)
        for path, file in in_part.items()
    }
    summands.rows += _rows(summands.in_part)
    for day, sign, batches in _read(selected, {file.path for file in others}):
        buckets = gather(batches)
        if buckets is None:
            return None
        summands.read.append((buckets, sign, _number_of(day, by_day)))
    return summands


def _stored(known: Collection[IndexedFile], days: Mapping[IndexedFile, int | None]) -> _Summands:
    """Return summands for files of the index, by the totals if that is less.

    Args:
        known: All files of the index.
        days: The files to sum, each with its day; None for sums of all days.
    """
    beside = beside_totals(known, {file.path for file in days})
    by_day = any(day is not None for day in days.values())
    if not by_day and _rows(beside) < _rows(days):
        rows = _rows(beside) + _rows(file for file in known if file.is_in_totals)
        return _Summands(rows, True, {file: Summand(sign) for file, sign in beside.items()})
    return _Summands(
        _rows(days), False, {file: Summand(file.sign, day) for file, day in days.items()}
    )


def _rows(files: Iterable[IndexedFile]) -> int:
    return sum(file.rows for file in files)


def _read(
    selected: FileSelection, paths: set[str]
) -> Iterator[tuple[date, int, Iterable[pa.RecordBatch]]]:
    """Yield rows that the index doesn't know, with their days and signs."""
    for file in selected.files:
        if file.path in paths:
            yield file.day, 1, read(selected.view.table, [file], CONTRIBUTOR_COLUMNS)
    named = [file for file in selected.replaced_files if file.path in paths]
    for replaced, rows in selected.replaced_by_day(named, _COLUMNS):
        yield replaced.day, -1, rows.to_batches()
    for day, rows in selected.hidden(_COLUMNS):
        yield day, -1, rows.to_batches()


def _number_of(day: date, by_day: bool) -> int | None:
    return (day - _EPOCH).days if by_day else None


def _named(groups: pa.Table) -> pa.Table:
    """Return groups with contributor_ids as texts."""
    names = [each.hex() if each else None for each in groups[CONTRIBUTOR].to_pylist()]
    index = groups.column_names.index(CONTRIBUTOR)
    return groups.set_column(index, CONTRIBUTOR, pa.array(names, pa.string()))
