"""Turns as messages in the form of OpenAI's and Hugging Face's chat templates.

A message has `role` and `content`, and where the release has them `reasoning_content`,
`tool_calls`, `tool_call_id` and `name`:
https://huggingface.co/docs/transformers/chat_extras. The arguments of a call are JSON text, as in
OpenAI's API: https://platform.openai.com/docs/api-reference/chat/create. Every call has other
arguments, so that no type of Parquet could hold them as objects, and a model may have written text
that is no JSON.
"""

from collections.abc import Callable
from typing import Final, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.types import IcebergType, ListType, MapType, NestedField, StringType, StructType

from catalog.manifests.filled import parts_of

MESSAGE_FIELDS: Final = {
    "role": "role",
    "content": "content",
    "reasoning": "reasoning_content",
    "tool_calls": "tool_calls",
    "tool_call_id": "tool_call_id",
    "name": "name",
}
"""The names that fields of a turn have in a message. Other fields aren't part of the message."""

NO_ARGUMENTS: Final = "{}"
"""The arguments of a call that has none."""
_NO_NAME: Final = ""
"""The name of a tool of which cleaning has left nothing that shows."""

_ID_OFFSET: Final = 1000
"""Added to the ids of a turn's fields, which other columns of a release have."""
_NEW_ID_OFFSET: Final = 2000
"""Added to the id of a field for the id of one that the table doesn't have."""
_FUNCTION: Final = "function"
_SOURCE_NAMES: Final = {published: name for name, published in MESSAGE_FIELDS.items()}


def published_turn_field(field: NestedField) -> NestedField:
    """Return the field of a release for an optional field of a stage's turns."""
    return _shifted_field(_published_field(field), _ID_OFFSET)


def as_list(field: NestedField) -> NestedField:
    """Return a field whose map, if it is one, is a list of keys and values.

    `datasets` can't load maps: https://github.com/huggingface/datasets/issues/5612.
    """
    kind = field.field_type
    if not isinstance(kind, MapType):
        return field
    entry = StructType(
        NestedField(kind.key_id, "key", kind.key_type, required=True),
        NestedField(kind.value_id, "value", kind.value_type, required=True),
    )
    entries = ListType(kind.key_id + _NEW_ID_OFFSET, entry, element_required=True)
    return field.model_copy(update={"field_type": entries})


def shifted(kind: IcebergType, offset: int) -> IcebergType:
    """Return a type whose ids are larger, so that it can stand beside itself in a schema."""
    if isinstance(kind, ListType):
        element = shifted(kind.element_type, offset)
        return ListType(kind.element_id + offset, element, element_required=kind.element_required)
    if isinstance(kind, StructType):
        return StructType(*(_shifted_field(part, offset) for part in kind.fields))
    return kind


def to_turn_array(turns: pa.StructArray, kind: pa.StructType) -> pa.StructArray:
    """Return fields of turns as a release has them.

    Args:
        turns: Turns of a stage.
        kind: The type of the result; its fields have the names of a release.
    """
    columns = [
        _field_of(turns.field(_SOURCE_NAMES.get(part.name, part.name)), part) for part in kind
    ]
    return pa.StructArray.from_arrays(columns, fields=list(kind))


def with_elements(
    lists: pa.Array, kind: pa.DataType, convert: Callable[[pa.Array], pa.Array]
) -> pa.Array:
    """Return lists of other elements.

    Args:
        lists: Any lists; they may be a slice.
        kind: The type of the result.
        convert: Returns the new elements for all old ones.
    """
    # The offsets of a sliced array don't begin at 0, as those of the flattened elements do.
    lengths = pc.list_value_length(lists).cast(pa.int64())
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths.fill_null(0))])
    mask = lists.is_null() if lists.null_count else None
    return pa.LargeListArray.from_arrays(offsets, convert(lists.flatten()), type=kind, mask=mask)


def _field_of(values: pa.Array, part: pa.Field) -> pa.Array:
    kind = part.type
    if part.name == "tool_calls":
        return with_elements(values, kind, lambda calls: _to_calls(calls, kind.value_type))
    if part.name == "alternatives":
        turns = kind.value_type.value_type
        return with_elements(
            values,
            kind,
            lambda continuations: with_elements(
                continuations, kind.value_type, lambda inner: to_turn_array(inner, turns)
            ),
        )
    return values.cast(kind)


def _to_calls(calls: pa.StructArray, kind: pa.StructType) -> pa.StructArray:
    function = kind.field(_FUNCTION)
    texts = {
        "id": calls.field("id"),
        "name": calls.field("name").fill_null(_NO_NAME),
        "arguments": calls.field("arguments").fill_null(NO_ARGUMENTS),
    }
    called = [texts[part.name].cast(part.type) for part in function.type]
    columns = {
        "id": texts["id"],
        "type": pa.repeat(pa.scalar(_FUNCTION, pa.large_string()), len(calls)),
        _FUNCTION: pa.StructArray.from_arrays(called, fields=list(function.type)),
    }
    return pa.StructArray.from_arrays([columns[part.name] for part in kind], fields=list(kind))


def _published_type(kind: IcebergType) -> IcebergType:
    """Return the type of a release for a type in a stage's turns, without ids of its own."""
    if isinstance(kind, ListType):
        element = _published_type(kind.element_type)
        return ListType(kind.element_id, element, element_required=kind.element_required)
    if isinstance(kind, StructType):
        return StructType(*map(_published_field, kind.fields))
    return kind


def _published_field(field: NestedField) -> NestedField:
    is_calls = field.name == "tool_calls"
    kind = _call_type(field) if is_calls else _published_type(field.field_type)
    name = MESSAGE_FIELDS.get(field.name, field.name)
    return field.model_copy(update={"name": name, "field_type": kind})


def _call_type(field: NestedField) -> ListType:
    """Return the type of `tool_calls` in a message for that of a stage's turns."""
    calls = cast("ListType", field.field_type)
    ids = [part for part in parts_of(calls) if part.name == "id"]
    # Every call has both, whether a call of the table fills them or not.
    called = [
        NestedField(calls.element_id + number, name, StringType(), required=True)
        for number, name in enumerate(("name", "arguments"), start=2)
    ]
    call = StructType(
        *ids,
        NestedField(calls.element_id + _NEW_ID_OFFSET, "type", StringType(), required=True),
        NestedField(field.field_id + _NEW_ID_OFFSET, _FUNCTION, StructType(*called), required=True),
    )
    return ListType(calls.element_id, call, element_required=True)


def _shifted_field(field: NestedField, offset: int) -> NestedField:
    return field.model_copy(
        update={
            "field_id": field.field_id + offset,
            "field_type": shifted(field.field_type, offset),
        }
    )
