"""The rows that every rival stores: their types, and ways to iterate over them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pyarrow as pa
from _figure import Figure

_STRING = pa.string()
_TURN = pa.struct(
    [pa.field("role", _STRING, nullable=False), pa.field("content", _STRING, nullable=False)]
)
SCHEMA = pa.schema(
    [
        pa.field("agent_id", _STRING, nullable=False),
        pa.field("ingest_id", _STRING),
        pa.field("submitter_id", _STRING),
        pa.field("source", _STRING),
        pa.field("prompt_template", _STRING),
        pa.field("conversation", pa.list_(pa.field("item", _TURN, nullable=False)), nullable=False),
    ]
)
"""The fields of a submission that the benchmark's conversations have, with their types."""


def read(file: Path) -> list[dict[str, Any]]:
    """Return the rows of an NDJSON file."""
    with file.open("rb") as lines:
        return [json.loads(line) for line in lines]


def groups(rows: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows in groups of a size."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def repeat(store: Callable[[], object], seconds: float) -> Figure:
    """Store a row repeatedly for some seconds."""
    stored = 0
    started = monotonic()
    while (took_s := monotonic() - started) < seconds:
        store()
        stored += 1
    return Figure(stored, took_s)
