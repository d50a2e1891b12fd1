"""The schema of a release's rows, and their conversion to it.

A raw release has the columns of the raw table. A release of another stage has the turns as
`messages`, which trainers read, and their ratings and edits as `feedback`, one for each message. It
doesn't say who contributed a row; `CREDITS.txt` has the names of those who asked to be credited.
"""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from pyiceberg.types import BooleanType, ListType, NestedField, StringType, StructType

from catalog.schema import SCHEMA
from catalog.stages import COMPUTED_STAGES, Stage

_MESSAGE: Final = StructType(
    NestedField(111, "role", StringType(), required=True, doc="system, user, assistant or tool"),
    NestedField(112, "content", StringType(), required=True),
)
_FEEDBACK: Final = StructType(
    NestedField(121, "rating", StringType(), doc="positive or negative"),
    NestedField(122, "edited_content", StringType(), doc="What the contributor made of it"),
    NestedField(123, "stopped", BooleanType(), required=True, doc="The answer was cut off"),
)
_MESSAGES: Final = NestedField(
    101, "messages", ListType(110, _MESSAGE, element_required=True), required=True
)
_FEEDBACKS: Final = NestedField(
    102,
    "feedback",
    ListType(120, _FEEDBACK, element_required=True),
    required=True,
    doc="What was said of each message, in their order",
)
_BEFORE: Final = ("contribution_id", "received_at", "source", "agent_id")
_AFTER: Final = ("language", "language_confidence", "masked", "signals", "content_hash")
_TURN_FIELDS: Final[Mapping[str, StructType]] = {"messages": _MESSAGE, "feedback": _FEEDBACK}


def published_schema(stage: Stage) -> Schema:
    """Return the Iceberg schema of a release's rows."""
    if stage == "raw":
        return SCHEMA
    stage_schema = COMPUTED_STAGES[stage].schema
    before, after = (
        [stage_schema.find_field(name) for name in names] for names in (_BEFORE, _AFTER)
    )
    return Schema(*before, _MESSAGES, _FEEDBACKS, *after, identifier_field_ids=[1])


def published_arrow_schema(stage: Stage) -> pa.Schema:
    """Return the Arrow schema of a release's rows."""
    return schema_to_pyarrow(published_schema(stage), include_field_ids=False)


def to_published(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Convert rows of a computed stage to the schema of a release.

    Args:
        batch: Rows with the columns of the stage's table.
        schema: Schema that `published_arrow_schema` returns for the stage.
    """
    columns = [
        _turn_fields(batch["conversation"], field)
        if field.name in _TURN_FIELDS
        else batch[field.name].cast(field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _turn_fields(conversations: pa.Array, field: pa.Field) -> pa.Array:
    """Return a list column with some fields of each conversation's turns."""
    turns = conversations.flatten()
    # The offsets of a sliced array don't begin at 0, as those of the flattened turns do.
    ends = pc.cumulative_sum(pc.list_value_length(conversations).cast(pa.int64()))
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    wanted = field.type.value_type
    structs = pa.StructArray.from_arrays(
        [turns.field(part.name).cast(part.type) for part in wanted],
        fields=list(wanted),
    )
    return pa.LargeListArray.from_arrays(offsets, structs, type=field.type)
