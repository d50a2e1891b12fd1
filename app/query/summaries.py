"""Counting the contributions of a snapshot from what is known of its data files.

A snapshot's contributions are the rows of its files. Its latest versions are these rows without
those that a later version replaced, and a reader sees them without the hidden ones. So their counts
are sums: those of the raw table's files, less those of the contributions that the files of
`replaced` name, less those of the hidden ones. A file that a snapshot has in part, and a file whose
counts nobody knows yet, is read.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from app.query.dimensions import Dimension
from app.query.file_counts import COUNTED_COLUMNS, FileCounts, RowCounts, count_rows
from app.query.filters import Filters
from app.query.replaced import ReplacedAsOf, ReplacedReader
from app.query.snapshots import SnapshotView
from catalog.membership import NO_IDS, is_among
from catalog.records import day_of
from catalog.replaced import ReplacedFile
from catalog.scan import DataFile, read, read_with_ids, schema_of
from catalog.scan import count_rows as count_scanned
from catalog.schema import ID

_COLUMNS: Final = (ID, *COUNTED_COLUMNS)
_BY_DAY: Final = attrgetter("day")
_STORED_AT_ONCE: Final = 50
"""Files whose counts are stored in one transaction."""


@dataclass(frozen=True, slots=True)
class Part:
    """Counts of some of a day's contributions, which are added or taken away.

    Attributes:
        day: The day on which they were received, in UTC.
        counts: The counts.
        sign: 1 to add the counts, -1 to take them away.
        path: The file that they are the counts of, all of it; None for other contributions.
    """

    day: date
    counts: RowCounts
    sign: int
    path: str | None = None


class Summaries:
    """Counts the contributions of snapshots, and keeps the counts of files."""

    def __init__(self, file_counts: FileCounts, replaced: ReplacedReader) -> None:
        """Prepare to count.

        Args:
            file_counts: Keeps the counts of files.
            replaced: Tells which contributions a later version replaced.
        """
        self._file_counts = file_counts
        self._replaced = replaced

    @staticmethod
    def can_count(filters: Filters, by: Sequence[Dimension] = ()) -> bool:
        """Tell whether contributions can be counted without looking at each.

        Args:
            filters: The conditions that they meet: none but on days.
            by: The dimensions: the day, and one other at most.
        """
        return filters.are_of_days and len({*by} - {"day"}) <= 1

    def count(self, view: SnapshotView, filters: Filters) -> int:
        """Return how many contributions are selected by filters that `can_count` takes."""
        selected = self._select(view, filters)
        replaced = sum(map(selected.count_replaced, selected.replaced_files))
        hidden = sum(rows.num_rows for _, rows in selected.hidden((ID,)))
        return int(count_scanned(view.table, selected.files) - replaced - hidden)

    def parts(self, view: SnapshotView, filters: Filters) -> Iterator[Part]:
        """Yield counts whose sum is that of the contributions selected by filters.

        Args:
            view: The table as of a snapshot.
            filters: Conditions that `can_count` takes.
        """
        selected = self._select(view, filters)
        yield from self._of_files(selected, self._file_counts.of(selected.whole_paths()))
        for day, rows in selected.hidden(_COLUMNS):
            yield Part(day, count_rows(rows.to_batches()), -1)

    def keep_up(self, view: SnapshotView, goes_on: Callable[[], bool]) -> int:
        """Store the counts of the files of a snapshot, and forget those of other files.

        Args:
            view: The table as of its newest snapshot.
            goes_on: Tells after each file whether to go on.

        Returns:
            How many files were counted.
        """
        selected = self._select(view, Filters())
        paths, stored = selected.whole_paths(), self._forget_others(selected)
        if paths <= stored:
            return 0
        counted, fresh = 0, dict[str, RowCounts]()
        for part in self._of_files(selected, self._file_counts.of(stored)):
            if part.path is not None and part.path not in stored:
                fresh[part.path] = part.counts
                counted += 1
            if len(fresh) == _STORED_AT_ONCE:
                self._file_counts.store(fresh)
                fresh = {}
            if not goes_on():
                break
        self._file_counts.store(fresh)
        return counted

    def erase_others(self, view: SnapshotView) -> None:
        """Forget the counts of all files but those of a snapshot, and erase them from the database.

        They have names that contributions give, such as those of models.

        Args:
            view: The table as of its newest snapshot.

        Raises:
            SQLAlchemyError: PostgreSQL can't have the table to itself now.
            LogBusy: A reader needs SQLite's log for too long.
        """
        self._forget_others(self._select(view, Filters()))
        self._file_counts.erase()

    def _forget_others(self, selected: "_Selected") -> set[str]:
        """Forget the counts of files that a snapshot lacks, and return the paths of all others."""
        paths, stored = selected.whole_paths(), self._file_counts.paths()
        self._file_counts.forget(stored - paths)
        return stored & paths

    def paths(self, view: SnapshotView) -> set[str]:
        """Return the paths of the files of a snapshot whose counts `keep_up` stores."""
        return self._select(view, Filters()).whole_paths()

    def wrong(self, view: SnapshotView, paths: Collection[str]) -> Iterator[str]:
        """Yield the paths of those of some files of a snapshot whose stored counts are wrong.

        Args:
            view: The table as of its newest snapshot.
            paths: The paths of files whose counts are stored, all rows of which are counted.
        """
        selected = self._select(view, Filters())
        selected.files = [file for file in selected.files if file.path in paths]
        selected.replaced_files = [file for file in selected.replaced_files if file.path in paths]
        stored = self._file_counts.of(paths)
        for part in self._of_files(selected, {}):
            if part.path and part.path in stored and not stored[part.path].says(part.counts):
                yield part.path

    def _select(self, view: SnapshotView, filters: Filters) -> "_Selected":
        files = view.files(filters.pushed_down())
        replaced = None if filters.all_versions else self._replaced.as_of(view)
        return _Selected(view, replaced, files)

    def _of_files(self, selected: "_Selected", known: Mapping[str, RowCounts]) -> Iterator[Part]:
        """Yield the counts of all files, reading those whose counts aren't known."""
        for file in selected.files:
            counts = known.get(file.path)
            if counts is None:
                counts = count_rows(read(selected.view.table, [file], _COLUMNS))
            yield self._part(selected, file, counts, 1)
        for day, of_day in groupby(selected.replaced_files, key=_BY_DAY):
            unknown = []
            for named in of_day:
                if (counts := known.get(named.path)) is not None:
                    yield self._part(selected, named, counts, -1)
                else:
                    unknown.append(named)
            # A day is read once for all of them.
            ids = [selected.ids_of(named) for named in unknown]
            rows = selected.rows(day, pa.concat_arrays([NO_IDS, *ids]).sort(), _COLUMNS)
            for named, its_ids in zip(unknown, ids, strict=True):
                its_rows = rows.filter(is_among(rows[ID], its_ids))
                yield self._part(selected, named, count_rows(its_rows.to_batches()), -1)

    def _part(
        self, selected: "_Selected", file: DataFile | ReplacedFile, counts: RowCounts, sign: int
    ) -> Part:
        path = file.path if selected.is_whole(file) else None
        if path is not None:
            self._file_counts.remember(path, counts)
        return Part(file.day, counts, sign, path)


class _Selected:
    """What filters select at a snapshot: the files, and what is left out of them."""

    def __init__(
        self,
        view: SnapshotView,
        replaced: ReplacedAsOf | None,
        files: list[DataFile],
    ) -> None:
        self.view = view
        self.files = files
        self._replaced = replaced
        self._number = view.snapshot.sequence_number if view.snapshot else 0
        self._by_day = {day: list(found) for day, found in groupby(files, key=_BY_DAY)}
        self.replaced_files = [
            file
            for file in (replaced.files() if replaced else ())
            if file.day in self._by_day and file.first_sequence_number <= self._number
        ]

    def is_whole(self, file: DataFile | ReplacedFile) -> bool:
        """Tell whether the snapshot has all rows of a file."""
        return file.last_sequence_number <= self._number

    def whole_paths(self) -> set[str]:
        """Return the paths of the files of which the snapshot has all rows."""
        files: tuple[DataFile | ReplacedFile, ...] = (*self.files, *self.replaced_files)
        return {file.path for file in files if self.is_whole(file)}

    def count_replaced(self, file: ReplacedFile) -> int:
        """Return how many contributions a file says were replaced by then."""
        return file.rows if self.is_whole(file) else len(self.ids_of(file))

    def ids_of(self, file: ReplacedFile) -> pa.Array:
        """Return the ids of the contributions that a file says were replaced by then, ascending."""
        return self._replaced.ids_of(file) if self._replaced else NO_IDS

    def rows(self, day: date, ids: pa.Array, columns: Sequence[str]) -> pa.Table:
        """Return the rows of a day with some ids.

        Args:
            day: The day.
            ids: The contribution_ids, ascending.
            columns: The columns; `contribution_id` has to be one of them.
        """
        files = self._by_day.get(day, ())
        batches = read_with_ids(self.view.table, files, ids, columns)
        return pa.Table.from_batches(batches, schema_of(columns))

    def hidden(self, columns: Sequence[str]) -> Iterator[tuple[date, pa.Table]]:
        """Yield, day by day, the rows that the reader may not see and no later version replaced.

        Args:
            columns: The columns; `contribution_id` has to be one of them.
        """
        for day, ids in groupby(self.view.hidden.to_pylist(), key=day_of):
            of_day = pa.array(ids, NO_IDS.type)
            # An id that no server made may be of any day.
            for each in self._by_day if day is None else self._by_day.keys() & {day}:
                rows = self.rows(each, of_day, columns)
                if self._replaced:
                    rows = rows.filter(pc.invert(is_among(rows[ID], self._replaced.on(each))))
                yield each, rows
