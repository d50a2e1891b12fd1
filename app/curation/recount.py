"""Counting the rows of stages again, after contributions were erased from their tables.

A digest of a chunk stays as it was: it is of rows that aren't all there any more. So the next build
computes the chunk again, and decides again what was dropped for an erased contribution.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.curation.pipeline.records import ChunkRecord, ChunkRecords
from app.curation.rules.interface import REASON
from app.state.db import Database
from catalog.records import time_of
from catalog.schema import ID
from catalog.stages.reader import StageReader
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table

_AFTER_EVERY_ROW: Final = datetime.max.replace(tzinfo=UTC)


def recount_chunks(database: Database, catalog: Catalog, erased_ids: pa.Array) -> None:
    """Bring the records of chunks to what the tables have. No stage is being built.

    Args:
        database: Has the records.
        catalog: The catalog with the tables of the stages.
        erased_ids: The contribution_ids that were erased, whose chunks are counted.
    """
    times = [time_of(each) for each in erased_ids.to_pylist()]
    records = ChunkRecords(database)
    for stage in COMPUTED_STAGES:
        known = records.of(stage)
        starts = list(known)
        places = {bisect_right(starts, moment) - 1 for moment in times} - {-1}
        counted = {
            starts[place]: _count(catalog, stage, known[starts[place]], _bounds(starts, place))
            for place in sorted(places)
            if known[starts[place]].is_known
        }
        records.record(stage, counted.keys(), counted)


def _bounds(starts: Sequence[datetime], place: int) -> tuple[datetime, datetime]:
    return starts[place], [*starts, _AFTER_EVERY_ROW][place + 1]


def _count(
    catalog: Catalog, stage: ComputedStage, record: ChunkRecord, bounds: tuple[datetime, datetime]
) -> ChunkRecord:
    tables = COMPUTED_STAGES[stage]
    kept = _column(load_table(catalog, tables.rows), ID, bounds)
    dropped = _column(load_table(catalog, tables.dropped), REASON, bounds)
    reasons = Counter(dropped.to_pylist())
    return ChunkRecord(digest=record.digest, rows=len(kept), dropped=dict(sorted(reasons.items())))


def _column(table: Table, name: str, bounds: tuple[datetime, datetime]) -> pa.ChunkedArray:
    newest = table.current_snapshot()
    if newest is None:
        return pa.chunked_array([], pa.large_string())
    batches = StageReader(table, newest.snapshot_id).rows([name], between=bounds)
    return pa.chunked_array([batch[name] for batch in batches], pa.large_string())
