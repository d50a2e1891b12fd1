"""Makes batches of raw rows, as the stage `cleaned` gets them."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from msgspec.structs import replace

from catalog.arrow import to_arrow
from catalog.records import Contribution, Turn
from tests.factories import make_received, make_turns

INPUT = (
    "contribution_id",
    "received_at",
    "source",
    "agent_id",
    "submitter_id",
    "attribution",
    "conversation",
)
"""What `clean` reads of a raw row."""


def texts(*values: str | None) -> pa.Array:
    return pa.array(values, pa.large_string())


def batch_of(contributions: Sequence[Contribution]) -> pa.RecordBatch:
    table = to_arrow(contributions).select(INPUT).combine_chunks()
    batches: list[pa.RecordBatch] = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def make_batch(*conversations: Iterable[Turn], **fields: Any) -> pa.RecordBatch:
    """Return a batch of a row for each conversation, all with the same other fields."""
    made = (make_received(0, **fields) for _ in conversations)
    return batch_of(
        [
            replace(each, conversation=tuple(turns))
            for each, turns in zip(made, conversations, strict=True)
        ]
    )


def said(*contents: str) -> pa.RecordBatch:
    """Return a batch of one row: a conversation in which these texts are said in turn."""
    return make_batch(make_turns(*contents))
