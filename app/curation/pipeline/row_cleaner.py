"""The rules of `cleaned` as a Daft function over batches of rows.

A module of its own, since every process that Daft starts imports it, and little else.
"""

from typing import Any, Final

import daft
import pyarrow as pa
import pyarrow.compute as pc
from daft import DataType

from app.curation.rules.interface import RAW_COLUMNS, REASON, StageRules
from catalog.schema import ARROW_SCHEMA, SEQUENCE_NUMBER
from catalog.stages.tables import COMPUTED_STAGES

BATCH_ROWS: Final = 4_096
"""Rows that are cleaned at a time: enough that compiling the regular expressions of the rules, some
30 ms for each batch, takes little of the time."""
_RAW_SCHEMA: Final = pa.schema([ARROW_SCHEMA.field(name) for name in RAW_COLUMNS])
_CLEANED: Final = COMPUTED_STAGES["cleaned"].arrow_schema


def _nullable(field: pa.Field) -> pa.Field:
    """Return a field like this one that may be null, and whose inner fields may be null."""
    kind = field.type
    if pa.types.is_struct(kind):
        kind = pa.struct([_nullable(inner) for inner in kind])
    if pa.types.is_large_list(kind):
        kind = pa.large_list(_nullable(kind.value_field))
    return pa.field(field.name, kind)


# Most columns of a dropped row are null.
CLEANED_WITH_REASON: Final = pa.schema(
    [*(_nullable(field) for field in _CLEANED), pa.field(REASON, pa.large_string())]
)
"""The columns of `cleaned`, and `reason`: why the stage drops the row, null if it keeps it."""
COMPUTED: Final = pa.schema(
    [field for field in CLEANED_WITH_REASON if field.name != SEQUENCE_NUMBER]
)
"""The columns that are computed from the rows alone; commits aren't in every data file."""


class RowCleaner:
    """Cleans rows and measures them. Daft makes one in each process."""

    def __init__(self, rules: StageRules) -> None:
        self._rules = rules

    @daft.method.batch(
        return_dtype=DataType.from_arrow_type(pa.struct(list(COMPUTED))),
        unnest=True,
        batch_size=BATCH_ROWS,
    )
    def clean(self, *columns: Any) -> pa.Array:
        """Clean a batch of raw rows.

        Args:
            columns: Daft series, one for each of `RAW_COLUMNS`.

        Returns:
            A struct with the fields of `COMPUTED` for each row, in the same order.
        """
        arrays = [column.to_arrow() for column in columns]
        raw = pa.RecordBatch.from_arrays(arrays, names=list(RAW_COLUMNS)).cast(_RAW_SCHEMA)
        cleaned = self._rules.clean(raw)
        is_kept = pc.is_null(cleaned.column(REASON))
        # Where a kept row's measures are. Dropped rows have none, so theirs are null.
        place = pc.if_else(is_kept, pc.subtract(pc.cumulative_sum(is_kept.cast("int64")), 1), None)
        conversations, languages = (
            cleaned.column(name).filter(is_kept) for name in ("conversation", "language")
        )
        measured = self._rules.measures(conversations, languages)
        complete = {
            **{name: cleaned.column(name) for name in cleaned.schema.names},
            **{name: values.take(place) for name, values in measured.items()},
        }
        arrays = [complete[field.name].cast(field.type) for field in COMPUTED]
        return pa.StructArray.from_arrays(arrays, fields=list(COMPUTED))
