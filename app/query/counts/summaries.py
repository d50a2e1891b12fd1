"""Counting the contributions of a snapshot from what is known of its data files.

A snapshot's contributions are the rows of its files. Its latest versions are these rows without
those that a later version replaced, and a reader sees them without the hidden ones. So their counts
are sums: those of the raw table's files, less those of the contributions that the files of
`replaced` name, less those of the hidden ones. Of a file of `replaced` that a snapshot has in part,
the contributions of its commits are counted. A file of the raw table that it has in part is read,
and so is a file whose counts nobody knows yet.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa

from app.query.counts import replaced_rows
from app.query.counts.dimensions import Dimension
from app.query.counts.files import FileCounts
from app.query.counts.rows import COUNTED_COLUMNS, SUMMED, RowCounts, add_up, count_rows
from app.query.file_selection import FileSelection
from app.query.filters import Filters
from app.query.replaced import ReplacedReader
from app.query.snapshots import SnapshotView
from catalog.reading.plans import DataFile
from catalog.reading.scan import count_rows as count_scanned
from catalog.reading.scan import read
from catalog.replaced import ReplacedFile
from catalog.schema import ID

_COLUMNS: Final = (ID, *COUNTED_COLUMNS)


@dataclass(frozen=True, slots=True)
class Part:
    """Counts of some of a day's contributions, which are added or taken away.

    Attributes:
        day: The day on which they were received, in UTC.
        counts: The counts.
        sign: 1 to add the counts, -1 to take them away.
        path: The file that they are the counts of, all of it; None for other contributions.
        replaced: The contributions that the file names, if it is one of `replaced` and was read.
    """

    day: date
    counts: RowCounts
    sign: int
    path: str | None = None
    replaced: pa.Table | None = None


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

    def parts(
        self, view: SnapshotView, filters: Filters, by: Sequence[str] = SUMMED
    ) -> Iterator[Part]:
        """Yield counts whose sum is that of the contributions selected by filters.

        Args:
            view: The table as of a snapshot.
            filters: Conditions that `can_count` takes.
            by: The dimensions that contributions are counted by at least.
        """
        selected = self._select(view, filters)
        yield from self._of_files(selected, self._file_counts.of(selected.whole_paths()), by)
        for day, rows in selected.hidden(_COLUMNS):
            yield Part(day, count_rows(rows.to_batches(), by), -1)

    def uncounted_rows(self, view: SnapshotView, filters: Filters) -> int:
        """Return how many rows are in files that `parts` has to read.

        Args:
            view: The table as of a snapshot.
            filters: Conditions that `can_count` takes.
        """
        selected = self._select(view, filters)
        known = set(self._file_counts.of(selected.whole_paths()))
        known |= self._file_counts.with_replaced_rows(
            file.path for file in selected.replaced_files if file.path not in known
        )
        files: Iterable[DataFile | ReplacedFile] = (*selected.files, *selected.replaced_files)
        return sum(file.rows for file in files if file.path not in known)

    def keep_up(self, view: SnapshotView, goes_on: Callable[[], bool]) -> int:
        """Store the counts of the files of a snapshot.

        Args:
            view: The table as of its newest snapshot.
            goes_on: Tells after each file whether to go on.

        Returns:
            How many files were counted.
        """
        selected = self._select(view, Filters())
        paths = selected.whole_paths()
        stored = self._file_counts.paths() & paths
        if paths == stored:
            return 0
        parts = self._of_files(selected, self._file_counts.of(stored))
        fresh = (
            (part.path, part.counts, part.replaced)
            for part in parts
            if part.path is not None and part.path not in stored
        )
        return self._file_counts.store_each(fresh, goes_on)

    def take_over(self, merged: Mapping[str, Sequence[str]]) -> None:
        """Give files of `replaced` the counts of those of which they have the rows.

        Where the counts of these aren't stored, nothing is done.

        Args:
            merged: The path of each new file, with the paths of the files whose place it takes.
        """
        for path, old in merged.items():
            stored = self._file_counts.of(old)
            rows = [self._file_counts.replaced_rows(each) for each in old]
            known = [each for each in rows if each is not None]
            if stored.keys() >= {*old} and len(known) == len(old):
                counts = add_up(stored[each] for each in old)
                self._file_counts.store({path: counts}, {path: pa.concat_tables(known)})

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
            if part.path and part.path in stored and not self._is_stored(stored, part):
                yield part.path

    def _is_stored(self, stored: Mapping[str, RowCounts], part: Part) -> bool:
        """Tell whether what is stored of a file is what was counted just now."""
        path = part.path or ""
        if part.replaced is not None:
            rows = self._file_counts.replaced_rows(path)
            if rows is None or not replaced_rows.says(rows, part.replaced):
                return False
        return stored[path].says(part.counts)

    def _select(self, view: SnapshotView, filters: Filters) -> FileSelection:
        return FileSelection.of(view, filters, self._replaced)

    def _of_files(
        self, selected: FileSelection, known: Mapping[str, RowCounts], by: Sequence[str] = SUMMED
    ) -> Iterator[Part]:
        """Yield the counts of all files, reading those whose counts aren't known.

        Args:
            selected: The files.
            known: The counts of files by their paths.
            by: What the rows of files in part are counted by at least.
        """
        for file in selected.files:
            counts = known.get(file.path)
            if counts is None:
                rows = read(selected.view.table, [file], _COLUMNS)
                counts = count_rows(rows, SUMMED if selected.is_whole(file) else by)
            yield self._part(selected, file, counts, 1)
        unknown = []
        for named in selected.replaced_files:
            counts = known.get(named.path)
            if counts is None and not selected.is_whole(named):
                counts = self._count_as_of(named, selected.number, by)
            if counts is None:
                unknown.append(named)
            else:
                yield self._part(selected, named, counts, -1)
        for named, table in selected.replaced_by_day(unknown, _COLUMNS):
            counts = count_rows(table.to_batches())
            kept = replaced_rows.with_numbers(table, selected.numbers_of(named, table[ID]))
            yield self._part(selected, named, counts, -1, kept)

    def _count_as_of(self, file: ReplacedFile, number: int, by: Sequence[str]) -> RowCounts | None:
        """Return counts of what a file names of the commits up to one; None if it isn't kept."""
        rows = self._file_counts.replaced_rows(file.path)
        return None if rows is None else replaced_rows.count_as_of(rows, number, by)

    def _part(
        self,
        selected: FileSelection,
        file: DataFile | ReplacedFile,
        counts: RowCounts,
        sign: int,
        replaced: pa.Table | None = None,
    ) -> Part:
        path = file.path if selected.is_whole(file) else None
        if path is not None:
            self._file_counts.remember(path, counts)
        return Part(file.day, counts, sign, path, replaced)
