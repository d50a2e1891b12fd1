"""Makes batches of raw rows with the columns that `clean` reads."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from msgspec.structs import replace

from app.curation.rules.interface import RAW_COLUMNS
from catalog.columns.arrow import to_arrow
from catalog.records import Contribution, Turn
from catalog.schema import ARROW_SCHEMA
from tests.factories import FIRST_DAY, make_received, make_turns


def texts(*values: str | None) -> pa.Array:
    """Return a column of texts."""
    return pa.array(values, pa.large_string())


def batch_of(contributions: Sequence[Contribution]) -> pa.RecordBatch:
    """Return contributions as a batch of raw rows."""
    table = to_arrow(contributions).select(RAW_COLUMNS).combine_chunks()
    batches: list[pa.RecordBatch] = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def make_batch(*conversations: Iterable[Turn], **fields: Any) -> pa.RecordBatch:
    """Return a batch with a row for each conversation; other fields are the same in all rows."""
    made = (make_received(0, **fields) for _ in conversations)
    return batch_of(
        [
            replace(each, conversation=tuple(turns))
            for each, turns in zip(made, conversations, strict=True)
        ]
    )


def filled(kind: pa.DataType, text: str) -> Any:
    """Return a value of a type in which every text is the given one."""
    if pa.types.is_large_list(kind):
        return [filled(kind.value_type, text)]
    if pa.types.is_struct(kind):
        return {field.name: filled(field.type, text) for field in kind}
    if pa.types.is_map(kind):
        return [(text, text)]
    if pa.types.is_large_string(kind):
        return text
    return FIRST_DAY if pa.types.is_timestamp(kind) else 1 if pa.types.is_integer(kind) else False


def filled_batch(text: str) -> pa.RecordBatch:
    """Return a batch of one row whose every text is the given one, but for roles and ratings.

    It has a turn of a user and one of an assistant.
    """
    schema = pa.schema([ARROW_SCHEMA.field(name) for name in RAW_COLUMNS])
    row = {field.name: filled(field.type, text) for field in schema}
    (turn,) = row["conversation"]
    ((alternative,),) = turn["alternatives"]
    alternative |= {"role": None, "rating": "negative"}
    roles = ("user", "assistant")
    turns = [turn | {"role": role, "rating": "positive"} for role in roles]
    return pa.RecordBatch.from_pylist([row | {"conversation": turns}], schema)


def said(*contents: str) -> pa.RecordBatch:
    """Return a batch of one row: a conversation of user and assistant with these texts."""
    return make_batch(make_turns(*contents))
