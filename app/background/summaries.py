"""Counting and indexing the files of the lake once each, so that readers needn't read them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from threading import Event

from app.access.visibility.audience import OPERATOR
from app.query.counts.files import FileCounts
from app.query.counts.summaries import Summaries
from app.query.row_index.indexing import RowIndexing
from app.query.row_index.stages import StageRowIndex
from app.query.snapshots import Reference, Snapshots, SnapshotView
from app.query.statistics.stage_counts import StageCounts

log = logging.getLogger(__name__)


class SummaryJob:
    """Keeps counts and indexes of files up to the newest snapshots of the raw table and stages."""

    def __init__(
        self,
        snapshots: Snapshots,
        file_counts: FileCounts,
        summaries: Summaries,
        stage_counts: StageCounts,
        rows: RowIndexing,
        stage_rows: StageRowIndex,
        interval_s: float,
    ) -> None:
        """Prepare to count.

        Args:
            snapshots: Finds the newest snapshot.
            file_counts: Keeps the counts.
            summaries: Counts the files of the raw table.
            stage_counts: Counts the files of the stages.
            rows: Keeps the index of the rows of the raw table.
            stage_rows: Keeps that of the rows of the stages.
            interval_s: Time between two looks for files that aren't counted yet.
        """
        self._snapshots = snapshots
        self._file_counts = file_counts
        self._summaries = summaries
        self._stage_counts = stage_counts
        self._rows = rows
        self._stage_rows = stage_rows
        self._interval_s = interval_s

    def run(self, stop: Event) -> None:
        """Count files on schedule until told to stop."""
        while not stop.wait(self._interval_s):
            try:
                self.step(lambda: not stop.is_set())
            except Exception:
                # Readers count by themselves what isn't counted yet.
                log.exception("files couldn't be counted; it is tried again on schedule")

    def take_over(self, merged: Mapping[str, Sequence[str]]) -> None:
        """Give files of `replaced` what is known of those of which they have the rows.

        So nobody has to count rows again because they lie in other files.

        Args:
            merged: The path of each new file, with the paths of the files whose place it takes.
        """
        self._summaries.take_over(merged)
        self._rows.take_over(merged)

    def erase_replaced(self) -> None:
        """Erase what is known of files that no table has any more.

        Counts have names that contributions give, such as those of models.

        Raises:
            SQLAlchemyError: PostgreSQL can't have the tables of counts to itself now.
            LogBusy: A reader needs SQLite's log for too long.
        """
        view = self._snapshots.view(Reference(), OPERATOR)
        self._rows.forget_others(view)
        self._stage_rows.forget_others()
        self._forget_others(view)
        self._file_counts.erase()

    def step(self, goes_on: Callable[[], bool] = lambda: True) -> int:
        """Count the files of the newest snapshots that aren't counted yet, and return how many.

        Args:
            goes_on: Tells after each file whether to go on.
        """
        view = self._snapshots.view(Reference(), OPERATOR)
        self._forget_others(view)
        counted = self._summaries.keep_up(view, goes_on)
        if goes_on():
            self._rows.keep_up(view, goes_on)
        if goes_on():
            counted += self._stage_counts.keep_up(goes_on)
        if goes_on():
            self._stage_rows.keep_up(goes_on)
        return counted

    def _forget_others(self, view: SnapshotView) -> None:
        self._file_counts.keep_only(self._summaries.paths(view) | self._stage_counts.paths())
