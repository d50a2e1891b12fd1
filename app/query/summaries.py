"""Counting the contributions of a snapshot from what is known of its data files.

A snapshot's contributions are the rows of its files. Its latest versions are these rows without
those that a later version replaced, and a reader sees them without the hidden ones. So their counts
are sums: those of the raw table's files, less those of the contributions that the files of
`replaced` name, less those of the hidden ones. A file that a snapshot has in part, and a file whose
counts nobody knows yet, is read.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from app.query.dimensions import Dimension
from app.query.file_counts import COUNTED_COLUMNS, FileCounts, RowCounts, add_up, count_rows
from app.query.file_selection import FileSelection
from app.query.filters import Filters
from app.query.replaced import ReplacedReader
from app.query.snapshots import SnapshotView
from catalog.plans import DataFile
from catalog.replaced import ReplacedFile
from catalog.scan import count_rows as count_scanned
from catalog.scan import read
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

    def uncounted_rows(self, view: SnapshotView, filters: Filters) -> int:
        """Return how many rows are in files that `parts` has to read.

        Args:
            view: The table as of a snapshot.
            filters: Conditions that `can_count` takes.
        """
        selected = self._select(view, filters)
        known = self._file_counts.of(selected.whole_paths())
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
            (part.path, part.counts)
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
        stored = self._file_counts.of([path for old in merged.values() for path in old])
        counts = {
            path: add_up(stored[each] for each in old)
            for path, old in merged.items()
            if stored.keys() >= {*old}
        }
        self._file_counts.store(counts)

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

    def _select(self, view: SnapshotView, filters: Filters) -> FileSelection:
        return FileSelection.of(view, filters, self._replaced)

    def _of_files(self, selected: FileSelection, known: Mapping[str, RowCounts]) -> Iterator[Part]:
        """Yield the counts of all files, reading those whose counts aren't known."""
        for file in selected.files:
            counts = known.get(file.path)
            if counts is None:
                counts = count_rows(read(selected.view.table, [file], _COLUMNS))
            yield self._part(selected, file, counts, 1)
        unknown = []
        for named in selected.replaced_files:
            if (counts := known.get(named.path)) is not None:
                yield self._part(selected, named, counts, -1)
            else:
                unknown.append(named)
        for named, rows in selected.replaced_by_day(unknown, _COLUMNS):
            yield self._part(selected, named, count_rows(rows.to_batches()), -1)

    def _part(
        self, selected: FileSelection, file: DataFile | ReplacedFile, counts: RowCounts, sign: int
    ) -> Part:
        path = file.path if selected.is_whole(file) else None
        if path is not None:
            self._file_counts.remember(path, counts)
        return Part(file.day, counts, sign, path)
