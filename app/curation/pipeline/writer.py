"""Writes days of a stage: the rows that it keeps and drops, in one commit of each of its tables."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from types import TracebackType
from typing import Self
from uuid import uuid4

import pyarrow as pa
from pyiceberg.catalog import Catalog

from app.curation.errors import RowsMiscounted
from app.curation.pipeline.days import days_of
from app.curation.pipeline.records import DayRecord, DayRecords
from app.curation.rules.interface import REASON
from catalog.arrow import row_groups
from catalog.stage_tables import replace_days, source_of
from catalog.stages import COMPUTED_STAGES, SOURCE_SNAPSHOT_PROPERTY, ComputedStage
from catalog.staging import StagedFiles
from catalog.table import load_table

RowProgress = Callable[[int], None]
"""A function that is called with the number of raw rows that were done since its last call."""


class StageWriter:
    """Writes files of the days that are to be replaced, then replaces all of them at once.

    It is a context manager: when its block fails before `commit` replaces days, it removes the
    files.
    """

    def __init__(self, catalog: Catalog, stage: ComputedStage, records: DayRecords) -> None:
        """Write days of a stage.

        Args:
            catalog: The catalog with the tables of the stage.
            stage: The stage.
            records: Keeps the records of the days.
        """
        self._stage: ComputedStage = stage
        self._records = records
        self._rows = load_table(catalog, COMPUTED_STAGES[stage].rows)
        self._dropped = load_table(catalog, COMPUTED_STAGES[stage].dropped)
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
        # A commit that raised an error may have succeeded, and then the table refers to the files.
        if kind is not None and not self._committing:
            self._row_files.discard()
            self._dropped_files.discard()

    def write_rows(self, rows: pa.Table) -> None:
        """Write rows that the stage keeps, in the order of (received_at, contribution_id).

        Raises:
            OSError: A file can't be written.
        """
        for group in row_groups(rows.to_batches()):
            self._row_files.write(group)
        self._kept.update(days_of(rows).to_pylist())

    def write_dropped(self, rows: pa.Table) -> None:
        """Write rows that the stage drops, in the order of (received_at, contribution_id).

        Raises:
            OSError: A file can't be written.
        """
        for group in row_groups(rows.to_batches()):
            self._dropped_files.write(group)
        for day, reason in zip(days_of(rows).to_pylist(), rows[REASON].to_pylist(), strict=True):
            self._reasons[day][reason] += 1

    def commit(
        self,
        source_snapshot_id: int,
        digests: Mapping[date, str | None],
        expected: Mapping[date, int],
    ) -> int:
        """Replace days by the rows that were written.

        Nothing is committed if no day changed and the stage's newest snapshot names this source.

        Args:
            source_snapshot_id: The snapshot of the contributions that the stage is computed from.
            digests: The days to replace, each with the digest of what it was computed from; None
                for a day that is no longer there.
            expected: Number of rows that each of these days was computed from.

        Returns:
            The id of the newest snapshot of the stage.

        Raises:
            RowsMiscounted: The rows that a day keeps and drops aren't as many as expected.
            CommitConflict: Another writer committed to a table of the stage.
        """
        for day in digests:
            counted = self._kept[day] + self._reasons[day].total()
            if counted != expected[day]:
                raise RowsMiscounted(self._stage, day, expected[day], counted)
        files = self._row_files.finish(), self._dropped_files.finish()
        tables = self._rows, self._dropped
        current = self._rows.current_snapshot()
        is_same_source = all(source_of(table) == source_snapshot_id for table in tables)
        if current and is_same_source and not digests:
            return current.snapshot_id
        self._records.mark(self._stage, digests.keys())
        self._committing = True
        properties = {SOURCE_SNAPSHOT_PROPERTY: str(source_snapshot_id)}
        snapshot_id, _ = (
            replace_days(table, digests.keys(), staged, properties)
            for table, staged in zip(tables, files, strict=True)
        )
        records = {day: self._record(day, digest) for day, digest in digests.items() if digest}
        self._records.record(self._stage, digests.keys(), records)
        return snapshot_id

    def _record(self, day: date, digest: str) -> DayRecord:
        dropped = dict(sorted(self._reasons[day].items()))
        return DayRecord(digest=digest, rows=self._kept[day], dropped=dropped)
