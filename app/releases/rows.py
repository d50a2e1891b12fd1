"""The rows of a release, in the form in which they are published.

A raw release has the raw table's own columns. A release of a stage has what trainers read: the
turns as `messages`, and beside them, turn by turn, what was said of them as `feedback`. Who
contributed is not in it: those who asked for it are credited in `CREDITS.txt`.
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


def schema_of(stage: Stage) -> Schema:
    """Return the schema of a release's rows, in Iceberg's form."""
    if stage == "raw":
        return SCHEMA
    of_stage = COMPUTED_STAGES[stage].schema
    before, after = ([of_stage.find_field(name) for name in names] for names in (_BEFORE, _AFTER))
    return Schema(*before, _MESSAGES, _FEEDBACKS, *after, identifier_field_ids=[1])


def arrow_schema_of(stage: Stage) -> pa.Schema:
    """Return the schema of a release's rows, in Arrow's form."""
    return schema_to_pyarrow(schema_of(stage), include_field_ids=False)


def published(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return rows of a stage in the form that is published.

    Args:
        batch: Rows with the columns of the stage's table.
        schema: That of the published rows: `arrow_schema_of` the stage.
    """
    columns = [
        _of_turns(batch["conversation"], field)
        if field.name in _TURN_FIELDS
        else batch[field.name].cast(field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _of_turns(conversations: pa.Array, field: pa.Field) -> pa.Array:
    """Return some fields of each conversation's turns, without a step in Python for any."""
    turns = conversations.flatten()
    # The offsets of an array that was cut out of another don't begin at 0; these do.
    ends = pc.cumulative_sum(pc.list_value_length(conversations).cast(pa.int64()))
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    wanted = field.type.value_type
    leaves = [turns.field(each.name) for each in wanted]
    structs = pa.StructArray.from_arrays(
        [leaf.cast(each.type) for leaf, each in zip(leaves, wanted, strict=True)],
        fields=list(wanted),
    )
    return pa.LargeListArray.from_arrays(offsets, structs, type=field.type)
