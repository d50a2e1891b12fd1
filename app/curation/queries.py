"""The query behind `cleaned`: Iceberg's files in, row functions in processes, Arrow out."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import daft
import pyarrow as pa
import pyarrow.compute as pc
from daft import DataType, col
from pyiceberg.table import Table

from app.curation.days import ID, RECEIVED_AT, Part
from app.curation.engine import Engine
from app.curation.functions import StageFunctions
from catalog.scan import schema_of
from catalog.stages import STAGES

RAW_COLUMNS: Final = (
    ID,
    RECEIVED_AT,
    "source",
    "agent_id",
    "submitter_id",
    "attribution",
    "conversation",
)
"""What `cleaned` is computed from."""
REASON: Final = "reason"
_BATCH_ROWS: Final = 1_000
"""Rows that a process is given at a time: few enough for all processes to have some."""
_RAW_SCHEMA: Final = schema_of(RAW_COLUMNS)
_CLEANED: Final = STAGES["cleaned"].arrow_schema


def _optional(field: pa.Field) -> pa.Field:
    """Return a field that may be null, as may whatever is in it."""
    kind = field.type
    if pa.types.is_struct(kind):
        kind = pa.struct([_optional(each) for each in kind])
    if pa.types.is_large_list(kind):
        kind = pa.large_list(_optional(kind.value_field))
    return pa.field(field.name, kind)


# Of rows that are left out, most columns are null.
_OUT: Final = pa.schema(
    [*(_optional(field) for field in _CLEANED), pa.field(REASON, pa.large_string())]
)


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
    in_processes = daft.cls(_Rows, use_process=True, max_concurrency=engine.processes)
    made = in_processes(functions).clean(*(col(name) for name in RAW_COLUMNS))
    return pa.Table.from_batches(_batches(frame.select(made)), _OUT)


def _between(frame: daft.DataFrame, start: datetime, end: datetime) -> daft.DataFrame:
    received = col(RECEIVED_AT)
    return frame.where((received >= daft.lit(start)) & (received < daft.lit(end)))


def _batches(frame: daft.DataFrame) -> Iterator[pa.RecordBatch]:
    for batch in frame.to_arrow_iter():
        yield batch.select(_OUT.names).cast(_OUT)


class _Rows:
    """The row functions as Daft calls them, in processes of their own."""

    def __init__(self, functions: StageFunctions) -> None:
        self._functions = functions

    @daft.method.batch(
        return_dtype=DataType.from_arrow_type(pa.struct(list(_OUT))),
        unnest=True,
        batch_size=_BATCH_ROWS,
    )
    def clean(self, *columns: Any) -> pa.Array:
        """Return the cleaned rows of a batch as structs."""
        arrays = [column.to_arrow() for column in columns]
        raw = pa.RecordBatch.from_arrays(arrays, names=list(RAW_COLUMNS)).cast(_RAW_SCHEMA)
        made = self._functions.clean(raw)
        is_kept = pc.is_null(made.column(REASON))
        conversations = made.column("conversation").filter(is_kept)
        # Rows that are left out have neither.
        place = pc.if_else(is_kept, pc.subtract(pc.cumulative_sum(is_kept.cast("int64")), 1), None)
        whole = {
            **{name: made.column(name) for name in made.schema.names},
            "signals": self._functions.signals(conversations).take(place),
            "bands": self._functions.bands(conversations).take(place),
        }
        arrays = [whole[field.name].cast(field.type) for field in _OUT]
        return pa.StructArray.from_arrays(arrays, fields=list(_OUT))
