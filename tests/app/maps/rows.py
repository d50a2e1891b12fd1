"""Rows of a stage with conversations about clearly different topics."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import pyarrow as pa

from app.maps.description import MapSource
from app.maps.texts import NEEDED_COLUMNS
from catalog.schema import ARROW_SCHEMA

ROW_SCHEMA: Final = pa.schema([ARROW_SCHEMA.field(name) for name in NEEDED_COLUMNS])
RECEIVED: Final = datetime(2026, 3, 1, tzinfo=UTC)
SOURCE: Final = MapSource(stage="raw", snapshot_id="7", committed_at=RECEIVED)
TOPICS: Final = (
    "bread flour oven dough yeast bake butter kitchen recipe crust",
    "planet orbit rocket moon galaxy telescope star comet gravity astronaut",
    "guitar piano melody chord rhythm concert singer violin drum orchestra",
)


def turn(
    content: str, role: str | None = "user", rating: str | None = None, **fields: Any
) -> dict[str, Any]:
    """Return a turn as rows of a stage have it; fields that aren't given are null."""
    return {
        "content": content,
        "role": role,
        "rating": rating,
        "stopped": False,
        **fields,
    }


def batch(
    *conversations: Sequence[dict[str, Any]], schema: pa.Schema = ROW_SCHEMA
) -> pa.RecordBatch:
    """Return rows with these conversations, each received a minute after the one before."""
    rows = [
        {
            "contribution_id": f"id-{number:05}",
            "received_at": RECEIVED + timedelta(minutes=number),
            "agent_id": "test-agent",
            "conversation": conversation,
        }
        for number, conversation in enumerate(conversations)
    ]
    return pa.RecordBatch.from_pylist(rows, schema)


def about_topics(rows: int) -> Iterator[pa.RecordBatch]:
    """Yield two batches of rows whose topics alternate between `TOPICS`."""
    random = Random(1)  # noqa: S311  # the same words every time

    def words(topic: str) -> str:
        return " ".join(random.choices(topic.split(), k=12))

    topics = [TOPICS[number % len(TOPICS)] for number in range(rows)]
    whole = batch(*([turn(words(t)), turn(words(t), "assistant")] for t in topics))
    yield whole.slice(0, rows // 2)
    yield whole.slice(rows // 2)
