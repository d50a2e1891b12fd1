"""Makes batches of raw rows with the columns that `clean` reads."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from msgspec.structs import replace

from app.curation.rules.interface import RAW_COLUMNS
from catalog.arrow import to_arrow
from catalog.records import Contribution, Turn
from tests.factories import make_received, make_turns


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


def said(*contents: str) -> pa.RecordBatch:
    """Return a batch of one row: a conversation of user and assistant with these texts."""
    return make_batch(make_turns(*contents))
