"""Building `cleaned`: chunks that changed are replaced, and their new rows are computed."""

import hashlib
from collections.abc import Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.curation.pipeline.chunks import (
    RECEIPT_ORDER,
    RECEIVED_AT,
    Chunk,
    ExcludedIds,
    QuerySize,
    queries,
    read_commits,
    read_later_ids,
)
from app.curation.pipeline.daft_query import cleaned_rows
from app.curation.pipeline.known_rows import NO_ROWS, KnownRows
from app.curation.pipeline.row_cleaner import CLEANED_WITH_REASON
from app.curation.pipeline.runner import Runner
from app.curation.pipeline.unscored import is_unscored, unscored_digest
from app.curation.pipeline.writer import RowProgress, StageWriter
from app.curation.rules.interface import REASON, StageRules
from catalog.reading.membership import values_of
from catalog.schema import ID, SEQUENCE_NUMBER
from catalog.snapshots import Snapshot, live_snapshots
from catalog.stages.tables import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA, SOURCE_SNAPSHOT_PROPERTY

QUERY: Final = QuerySize(rows=100_000, size_bytes=64 * 1024 * 1024, runs=64)
"""The most that one query computes: enough that the start of its processes is little beside it."""

_SCHEMA: Final = COMPUTED_STAGES["cleaned"].arrow_schema


def cleaned_digest(of_ids: str, rules: StageRules) -> str:
    """Return a digest of what rows of `cleaned` are computed from.

    Args:
        of_ids: The digest of their ids.
        rules: The rules that compute them.
    """
    # With the version of curating, since it judges by signals and bands, columns of `cleaned`.
    versions = f"{rules.cleaning_version} {rules.curating_version}"
    return hashlib.sha256(f"{of_ids} {versions}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedBuild:
    """Computes chunks of `cleaned`, and replaces them in the tables of the stage.

    Attributes:
        table: The raw table.
        snapshot: A live snapshot of it.
        excluded: The ids that no stage is computed from.
        known: The rows that needn't be computed.
        rules: The rules to clean by.
        runner: The started runner of Daft.
        writer: Writes chunks of `cleaned`.
    """

    table: Table
    snapshot: Snapshot
    excluded: ExcludedIds
    known: KnownRows
    rules: StageRules
    runner: Runner
    writer: StageWriter

    def run(
        self,
        chunks: Sequence[Chunk],
        changed: Mapping[datetime, str | None],
        progress: RowProgress,
    ) -> tuple[int, int]:
        """Compute and replace the chunks that changed.

        Args:
            chunks: All chunks of the snapshot, none larger than `QUERY`.
            changed: The chunks to replace by their starts, with their digests; None for a chunk
                that isn't one any more.
            progress: Called with numbers of raw rows that are done, first with those of other
                chunks.

        Returns:
            The id of the newest snapshot of the table of the stage's rows, and the number of rows
            that were computed.

        Raises:
            RowsMiscounted: The rules returned more or fewer rows than they were given.
            CommitConflict: Another writer committed to a table of the stage.
        """
        asked = list(queries(chunks, changed, QUERY))
        raw_rows = [sum(chunk.raw_rows for chunk in query) for query in asked]
        progress(sum(chunk.raw_rows for chunk in chunks) - sum(raw_rows))
        computed = 0
        digests = dict(changed)
        for query, done in zip(asked, raw_rows, strict=True):
            number, unscored = self._replace(query)
            computed += number
            digests |= {start: unscored_digest(changed[start] or "") for start in unscored}
            progress(done)
        expected = {chunk.start: chunk.rows for chunk in chunks}
        properties = {SOURCE_SNAPSHOT_PROPERTY: str(self.snapshot.snapshot_id)}
        return self.writer.commit(properties, digests, expected), computed

    def _replace(self, chunks: Sequence[Chunk]) -> tuple[int, list[datetime]]:
        """Write chunks.

        Returns:
            How many of their rows had to be computed, and the starts of the chunks with rows that a
            scorer couldn't be asked about.
        """
        starts = [chunk.start for chunk in chunks]
        commits = read_commits(self.table, self.snapshot, chunks)
        ids = commits[ID]
        is_excluded = pc.or_(*self.excluded.find(ids))
        known = self.known.among(ids.filter(pc.invert(is_excluded)), starts)
        is_left_out = pc.or_(is_excluded, pc.is_in(ids, known[ID]))
        left_out = ids.filter(is_left_out)
        number = len(ids) - len(left_out)
        computed = NO_ROWS
        if number:
            # The snapshot may not be live, so the newest table is read, without what it has more.
            later = read_later_ids(self.table, self.snapshot, chunks)
            not_computed = pa.chunked_array([*left_out.chunks, *later.chunks], left_out.type)
            computed = self._compute(chunks, not_computed, number, commits)
        # Chunk by chunk, since sorting holds what it sorts twice.
        rows = pa.concat_tables([known, computed])
        received = rows[RECEIVED_AT]
        unscored = []
        for chunk in chunks:
            is_within = pc.and_(
                pc.greater_equal(received, chunk.start), pc.less(received, chunk.end)
            )
            of_chunk = rows.filter(is_within).sort_by(RECEIPT_ORDER)
            self._write(chunk.start, of_chunk)
            if pc.any(is_unscored(of_chunk["scores"])).as_py():
                unscored.append(chunk.start)
        return number, unscored

    def _compute(
        self, chunks: Sequence[Chunk], left_out: pa.ChunkedArray, number: int, commits: pa.Table
    ) -> pa.Table:
        # In an empty context: Daft keeps the one that it is called in, and all that hangs on it.
        rows = Context().run(
            cleaned_rows,
            self.table,
            next(live_snapshots(self.table)).snapshot_id,
            chunks,
            left_out,
            number,
            self.rules,
            self.runner,
        )
        numbers = values_of(rows[ID].combine_chunks(), commits, SEQUENCE_NUMBER)
        return rows.append_column(SEQUENCE_NUMBER, numbers).select(CLEANED_WITH_REASON.names)

    def _write(self, start: datetime, rows: pa.Table) -> None:
        is_kept = pc.is_null(rows[REASON])
        kept = rows.filter(is_kept).select(_SCHEMA.names).cast(_SCHEMA)
        dropped = rows.filter(pc.invert(is_kept))
        # Cleaning drops a row by itself: no other row was kept instead, and nothing was measured.
        nothing = pa.nulls(dropped.num_rows)
        columns = [
            dropped[name] if name in {ID, RECEIVED_AT, REASON} else nothing
            for name in DROPPED_ARROW_SCHEMA.names
        ]
        table_rows = pa.Table.from_arrays(columns, names=DROPPED_ARROW_SCHEMA.names)
        self.writer.write(start, kept.to_batches(), table_rows.cast(DROPPED_ARROW_SCHEMA))
