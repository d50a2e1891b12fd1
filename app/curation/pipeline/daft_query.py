"""The Daft query that computes rows of `cleaned` from files of the raw table."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

import daft
import pyarrow as pa
from daft import col
from pyiceberg.table import Table

from app.curation.pipeline.chunks import RECEIVED_AT, Chunk, runs_of
from app.curation.pipeline.row_cleaner import COMPUTED, RowCleaner
from app.curation.pipeline.runner import Runner
from app.curation.rules.interface import RAW_COLUMNS, StageRules
from catalog.schema import ID

ROWS_IN_PROCESS: Final = 16_384
"""Rows that a process is started for. Starting it takes as long as cleaning half as many."""


def cleaned_rows(
    table: Table,
    snapshot_id: int,
    chunks: Sequence[Chunk],
    left_out: pa.Array | pa.ChunkedArray,
    rows: int,
    rules: StageRules,
    runner: Runner,
) -> pa.Table:
    """Compute the rows of chunks.

    Args:
        table: The raw table.
        snapshot_id: A live snapshot of it.
        chunks: The chunks, in the order of receipt.
        left_out: The contribution_ids of the chunks that aren't computed.
        rows: Number of rows that are computed.
        rules: The rules to clean by.
        runner: The started runner of Daft.

    Returns:
        A row for each row of the chunks that isn't left out, in no particular order, with the
        columns of `COMPUTED`. A dropped row has an id, a time and a reason; its other
        columns may be null.
    """
    frame = daft.read_iceberg(table, snapshot_id=snapshot_id)
    frame = frame.where(reduce(or_, (_between(*run) for run in runs_of(chunks))))
    # An older snapshot has the schema of its time.
    known = set(frame.column_names)
    frame = frame.select(
        *(col(name) if name in known else daft.lit(None).alias(name) for name in RAW_COLUMNS)
    )
    if len(left_out):
        frame = frame.join(daft.from_arrow(pa.table({ID: left_out})), on=ID, how="anti")
    processes = min(runner.processes, rows // ROWS_IN_PROCESS)
    cleaner = daft.cls(RowCleaner, **_processes(processes))(rules)
    cleaned = cleaner.clean(*(col(name) for name in RAW_COLUMNS))
    return pa.Table.from_batches(_batches(frame.select(cleaned)), COMPUTED)


def _processes(number: int) -> dict[str, Any]:
    # A process for one processor would only cost its start.
    return (
        {"use_process": True, "max_concurrency": number} if number > 1 else {"use_process": False}
    )


def _between(start: datetime, end: datetime) -> daft.Expression:
    received = col(RECEIVED_AT)
    return (received >= daft.lit(start)) & (received < daft.lit(end))


def _batches(frame: daft.DataFrame) -> Iterator[pa.RecordBatch]:
    for batch in frame.to_arrow_iter():
        yield batch.select(COMPUTED.names).cast(COMPUTED)
