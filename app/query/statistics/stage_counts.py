"""Counting the rows of a computed stage from what is known of its data files.

A stage has the latest versions only, and its builds have whole files. So the counts of a build are
sums over its files, less those of the rows that the reader may not see.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Final

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import In

from app.query.contributions.staged import StageFilters, StageView
from app.query.counts.files import FileCounts
from app.query.counts.rows import COUNTED_COLUMNS, LANGUAGE, SUMMED, RowCounts, count_rows
from app.query.counts.summaries import Part
from app.query.row_index.contributors import CONTRIBUTOR
from catalog.records import day_of
from catalog.schema import ID
from catalog.stages.files import StageFile
from catalog.stages.reader import StageReader, newest_builds

STAGE_SUMMED: Final = (LANGUAGE, *SUMMED, CONTRIBUTOR)
"""What rows of stages are counted by, in a file and in all."""
STAGE_COLUMNS: Final = (ID, "received_at", LANGUAGE, CONTRIBUTOR, *COUNTED_COLUMNS)
"""The columns and fields of turns that counting needs."""


class StageCounts:
    """Counts the rows of stages, and keeps the counts of their files."""

    def __init__(self, file_counts: FileCounts, catalog: Callable[[], Catalog]) -> None:
        """Prepare to count.

        Args:
            file_counts: Keeps the counts of files.
            catalog: Returns the catalog with the tables of the stages.
        """
        self._file_counts = file_counts
        self._catalog = catalog

    @staticmethod
    def can_count(filters: StageFilters) -> bool:
        """Tell whether rows can be counted without looking at each: by days at most."""
        return filters.contributions.are_of_days and filters.language is None

    def uncounted_rows(self, view: StageView, filters: StageFilters) -> int:
        """Return how many rows are in files that `parts` has to read."""
        files = view.reader.files(filters.pushed_down())
        known = self._file_counts.of([file.path for file in files])
        return sum(file.rows for file in files if file.path not in known)

    def parts(self, view: StageView, filters: StageFilters) -> Iterator[Part]:
        """Yield counts whose sum is that of the rows selected by filters.

        Args:
            view: The stage as of a moment.
            filters: Conditions that `can_count` takes.
        """
        files = view.reader.files(filters.pushed_down())
        known = self._file_counts.of([file.path for file in files])
        for file in files:
            counts = known.get(file.path)
            if counts is None:
                counts = _count_file(view.reader, file)
                self._file_counts.remember(file.path, counts)
            yield Part(file.day, counts, 1, file.path)
        for rows in _with_ids(view.reader, files, view.hidden):
            if rows.num_rows:
                day = rows.column("received_at")[0].as_py().date()
                yield Part(day, count_rows([rows], STAGE_SUMMED), -1)

    def keep_up(self, goes_on: Callable[[], bool]) -> int:
        """Store the counts of the files of the newest builds.

        Args:
            goes_on: Tells after each file whether to go on.

        Returns:
            How many files were counted.
        """
        stored = self._file_counts.paths()
        fresh = (
            (file.path, _count_file(reader, file), None)
            for reader, file in self._newest_files()
            if file.path not in stored
        )
        return self._file_counts.store_each(fresh, goes_on)

    def paths(self) -> set[str]:
        """Return the paths of the files of the newest builds, whose counts `keep_up` stores."""
        return {file.path for _, file in self._newest_files()}

    def wrong(self, paths: Collection[str]) -> Iterator[str]:
        """Yield the paths of those of some files whose stored counts are wrong.

        Args:
            paths: The paths of files whose counts are stored; those of other tables are left out.
        """
        stored = self._file_counts.of(paths)
        for reader, file in self._newest_files():
            if file.path in stored and not stored[file.path].says(_count_file(reader, file)):
                yield file.path

    def _newest_files(self) -> Iterator[tuple[StageReader, StageFile]]:
        for reader in newest_builds(self._catalog()):
            yield from ((reader, file) for file in reader.files())


def _count_file(reader: StageReader, file: StageFile) -> RowCounts:
    return count_rows(reader.select([file], STAGE_COLUMNS), STAGE_SUMMED)


def _with_ids(
    reader: StageReader, files: Collection[StageFile], ids: pa.Array
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some files that have some ids; each batch is of one day."""
    known = ids.to_pylist()
    made = [each for each in known if day_of(each) is not None]
    yield from reader.with_ids(made, STAGE_COLUMNS, files)
    if len(made) < len(known):
        # An id that no server made may be of any day.
        others = sorted(set(known).difference(made))
        yield from reader.select(files, STAGE_COLUMNS, In(ID, others))
