"""The row functions as Daft calls them, in processes of their own, which import little else."""

from typing import Any, Final

import daft
import pyarrow as pa
import pyarrow.compute as pc
from daft import DataType

from app.curation.pipeline.functions import StageFunctions
from catalog.schema import ARROW_SCHEMA
from catalog.stages import COMPUTED_STAGES

RAW_COLUMNS: Final = (
    "contribution_id",
    "received_at",
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
_RAW_SCHEMA: Final = pa.schema([ARROW_SCHEMA.field(name) for name in RAW_COLUMNS])
_CLEANED: Final = COMPUTED_STAGES["cleaned"].arrow_schema


def _optional(field: pa.Field) -> pa.Field:
    """Return a field that may be null, as may whatever is in it."""
    kind = field.type
    if pa.types.is_struct(kind):
        kind = pa.struct([_optional(each) for each in kind])
    if pa.types.is_large_list(kind):
        kind = pa.large_list(_optional(kind.value_field))
    return pa.field(field.name, kind)


# Of rows that are left out, most columns are null.
OUT_SCHEMA: Final = pa.schema(
    [*(_optional(field) for field in _CLEANED), pa.field(REASON, pa.large_string())]
)
"""What comes of rows: those of `cleaned`, and the reason why a row is left out."""


class Rows:
    """What is made once in each process."""

    def __init__(self, functions: StageFunctions) -> None:
        self._functions = functions

    @daft.method.batch(
        return_dtype=DataType.from_arrow_type(pa.struct(list(OUT_SCHEMA))),
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
        arrays = [whole[field.name].cast(field.type) for field in OUT_SCHEMA]
        return pa.StructArray.from_arrays(arrays, fields=list(OUT_SCHEMA))
