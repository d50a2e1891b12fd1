"""The query behind `cleaned`: Iceberg's files in, row functions in processes, Arrow out."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import daft
import pyarrow as pa
from daft import col
from pyiceberg.table import Table

from app.curation.pipeline.days import RECEIVED_AT, Part
from app.curation.pipeline.engine import Engine
from app.curation.pipeline.functions import StageFunctions
from app.curation.pipeline.rows import OUT_SCHEMA, RAW_COLUMNS, Rows
from catalog.membership import ID


def cleaned_rows(
    table: Table,
    snapshot_id: int,
    parts: Sequence[Part],
    functions: StageFunctions,
    engine: Engine,
) -> pa.Table:
    """Return the rows that the row functions make of adjacent parts of days.

    They come in no particular order, with the columns of `cleaned` and `reason`. Those that are
    left out have an id, a time and a reason for sure.
    """
    start, end = parts[0].start, parts[-1].end
    frame = _between(daft.read_iceberg(table, snapshot_id=snapshot_id), start, end)
    frame = frame.select(*RAW_COLUMNS)
    left_out = pa.concat_arrays([part.left_out for part in parts])
    if len(left_out):
        frame = frame.join(daft.from_arrow(pa.table({ID: left_out})), on=ID, how="anti")
    spread = daft.cls(Rows, **_processes(engine.processes))
    made = spread(functions).clean(*(col(name) for name in RAW_COLUMNS))
    return pa.Table.from_batches(_batches(frame.select(made)), OUT_SCHEMA)


def _processes(number: int) -> dict[str, Any]:
    # A process for one processor would only cost its start.
    return (
        {"use_process": True, "max_concurrency": number} if number > 1 else {"use_process": False}
    )


def _between(frame: daft.DataFrame, start: datetime, end: datetime) -> daft.DataFrame:
    received = col(RECEIVED_AT)
    return frame.where((received >= daft.lit(start)) & (received < daft.lit(end)))


def _batches(frame: daft.DataFrame) -> Iterator[pa.RecordBatch]:
    for batch in frame.to_arrow_iter():
        yield batch.select(OUT_SCHEMA.names).cast(OUT_SCHEMA)
