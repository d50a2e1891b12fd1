"""Writing days of a stage: its rows and what it left out, in one commit of each of its tables."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog

from app.curation.errors import RowsMiscounted
from app.curation.pipeline.days import RECEIVED_AT
from app.curation.pipeline.records import DayRecord, DayRecords
from catalog.arrow import row_groups
from catalog.stage_tables import load_stage, replace_days, source_of
from catalog.stages import COMPUTED_STAGES, SOURCE_SNAPSHOT_PROPERTY, ComputedStage
from catalog.staging import StagedFiles

Progress = Callable[[int], None]
"""Told how many rows of the raw table are done with, again and again."""

_REASON: Final = "reason"


class StageWriter:
    """Writes days that are to be replaced, and replaces them when all of them are written.

    Files that were written when something fails before that are removed.
    """

    def __init__(self, catalog: Catalog, stage: ComputedStage, records: DayRecords) -> None:
        """Write days of a stage of a catalog, and keep records of them."""
        self._stage: ComputedStage = stage
        self._records = records
        self._rows = load_stage(catalog, COMPUTED_STAGES[stage].rows)
        self._dropped = load_stage(catalog, COMPUTED_STAGES[stage].dropped)
        build_id = uuid4()
        self._row_files = StagedFiles(self._rows, build_id)
        self._dropped_files = StagedFiles(self._dropped, build_id)
        self._kept: Counter[date] = Counter()
        self._reasons: dict[date, Counter[str]] = defaultdict(Counter)
        self._committing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A commit that failed may have succeeded all the same.
        if kind is not None and not self._committing:
            self._row_files.discard()
            self._dropped_files.discard()

    def write_rows(self, rows: pa.Table) -> None:
        """Write rows of the stage, in the order of (received_at, contribution_id).

        Raises:
            OSError: They can't be written.
        """
        for group in row_groups(rows.to_batches()):
            self._row_files.write(group)
        self._kept.update(_days_of(rows))

    def write_dropped(self, rows: pa.Table) -> None:
        """Write rows of what the stage left out, in the same order.

        Raises:
            OSError: They can't be written.
        """
        for group in row_groups(rows.to_batches()):
            self._dropped_files.write(group)
        for day, reason in zip(_days_of(rows), rows[_REASON].to_pylist(), strict=True):
            self._reasons[day][reason] += 1

    def commit(
        self,
        source_snapshot_id: int,
        digests: Mapping[date, str | None],
        expected: Mapping[date, int],
    ) -> int:
        """Put what was written into the place of some days.

        A stage whose newest snapshot names the same source stays as it is if no day changed.

        Args:
            source_snapshot_id: The snapshot of the contributions.
            digests: What the days were computed from; None for those that there are no more.
            expected: From how many rows each of them was computed.

        Returns:
            The id of the newest snapshot of the stage.

        Raises:
            RowsMiscounted: A day has more or fewer rows than it was computed from.
            CommitConflict: Another writer committed meanwhile.
        """
        for day in digests:
            counted = self._kept[day] + self._reasons[day].total()
            if counted != expected[day]:
                raise RowsMiscounted(self._stage, day, expected[day], counted)
        files = self._row_files.finish(), self._dropped_files.finish()
        tables = self._rows, self._dropped
        current = self._rows.current_snapshot()
        is_named = all(source_of(table) == source_snapshot_id for table in tables)
        if current and is_named and not digests:
            return current.snapshot_id
        self._records.mark(self._stage, digests.keys())
        self._committing = True
        properties = {SOURCE_SNAPSHOT_PROPERTY: str(source_snapshot_id)}
        snapshot_id, _ = (
            replace_days(table, digests.keys(), staged, properties)
            for table, staged in zip(tables, files, strict=True)
        )
        made = {day: self._record(day, digest) for day, digest in digests.items() if digest}
        self._records.record(self._stage, digests.keys(), made)
        return snapshot_id

    def _record(self, day: date, digest: str) -> DayRecord:
        dropped = dict(sorted(self._reasons[day].items()))
        return DayRecord(digest=digest, rows=self._kept[day], dropped=dropped)


def _days_of(rows: pa.Table) -> list[date]:
    days: list[date] = pc.cast(rows[RECEIVED_AT], pa.date32(), safe=False).to_pylist()
    return days
