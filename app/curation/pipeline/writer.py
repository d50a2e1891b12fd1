"""Writes chunks of a stage: the rows that it keeps and drops, in one commit of each table."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

import pyarrow as pa
from pyiceberg.catalog import Catalog

from app.curation.errors import RowsMiscounted
from app.curation.pipeline.records import ChunkRecord, ChunkRecords
from app.curation.rules.interface import REASON
from catalog.columns.arrow import row_groups
from catalog.stages.builds import has_properties, replace_files
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table
from catalog.writing.staging import StagedFiles

RowProgress = Callable[[int], None]
"""A function that is called with the number of raw rows that were done since its last call."""


class StageWriter:
    """Writes files of the chunks that are to be replaced, then replaces all of them at once.

    It is a context manager: when its block fails before `commit` replaces chunks, it removes the
    files. The files of a chunk have no other rows, and depend on nothing but the chunk's rows.
    """

    def __init__(self, catalog: Catalog, stage: ComputedStage, records: ChunkRecords) -> None:
        """Write chunks of a stage.

        Args:
            catalog: The catalog with the tables of the stage.
            stage: The stage.
            records: Keeps the records of the chunks.
        """
        self._stage: ComputedStage = stage
        self._records = records
        self._rows = load_table(catalog, COMPUTED_STAGES[stage].rows)
        self._dropped = load_table(catalog, COMPUTED_STAGES[stage].dropped)
        build_id = uuid4()
        self._row_files = StagedFiles(self._rows, build_id)
        self._dropped_files = StagedFiles(self._dropped, build_id)
        self._counts: dict[datetime, tuple[int, Counter[str]]] = {}
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

    def write(self, start: datetime, rows: Iterable[pa.RecordBatch], dropped: pa.Table) -> None:
        """Write a chunk, after all that are earlier.

        Args:
            start: The start of the chunk.
            rows: The rows that the stage keeps, in the order of (received_at, contribution_id).
            dropped: The rows that the stage drops, in the same order.

        Raises:
            OSError: A file can't be written.
        """
        kept = 0
        for group in row_groups(rows):
            self._row_files.write(group)
            kept += group.num_rows
        for group in row_groups(dropped.to_batches()):
            self._dropped_files.write(group)
        self._row_files.end_file()
        self._dropped_files.end_file()
        self._counts[start] = kept, Counter(dropped[REASON].to_pylist())

    def stands_for(self, properties: Mapping[str, str]) -> bool:
        """Tell whether the last commit was whole, and its snapshots have these properties."""
        is_whole = all(record.is_known for record in self._records.of(self._stage).values())
        return is_whole and self._have(properties)

    def commit(
        self,
        properties: Mapping[str, str],
        digests: Mapping[datetime, str | None],
        expected: Mapping[datetime, int],
    ) -> int:
        """Replace chunks by the rows that were written.

        Nothing is committed if no chunk changed and the stage's newest snapshots have these
        properties already.

        Args:
            properties: Properties of the new snapshots, which name what the stage is made from.
            digests: The chunks to replace by their starts, each with the digest of what it was
                computed from; None for a chunk that isn't one any more.
            expected: Number of rows that each of these chunks was computed from.

        Returns:
            The id of the newest snapshot of the stage.

        Raises:
            RowsMiscounted: The rows that a chunk keeps and drops aren't as many as expected.
            CommitConflict: Another writer committed to a table of the stage.
        """
        records = {
            start: self._record(start, digest) for start, digest in digests.items() if digest
        }
        for start, record in records.items():
            counted = record.rows + sum(record.dropped.values())
            if counted != expected[start]:
                raise RowsMiscounted(self._stage, start, expected[start], counted)
        files = self._row_files.finish(), self._dropped_files.finish()
        current = self._rows.current_snapshot()
        if current and not digests and self._have(properties):
            return current.snapshot_id
        self._records.mark(self._stage, digests.keys())
        starts = list(self._records.of(self._stage))

        def is_replaced(first: datetime) -> bool:
            return starts[bisect_right(starts, first) - 1] in digests

        self._committing = True
        snapshot_id, _ = (
            replace_files(table, is_replaced, staged, properties)
            for table, staged in zip((self._rows, self._dropped), files, strict=True)
        )
        self._records.record(self._stage, digests.keys(), records)
        return snapshot_id

    def _have(self, properties: Mapping[str, str]) -> bool:
        return all(has_properties(table, properties) for table in (self._rows, self._dropped))

    def _record(self, start: datetime, digest: str) -> ChunkRecord:
        kept, reasons = self._counts.get(start, (0, Counter()))
        return ChunkRecord(digest=digest, rows=kept, dropped=dict(sorted(reasons.items())))
