"""Finds the languages that cleaning tells of conversations."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from app.curation.rules.cleaning.rows import clean
from app.curation.rules.interface import RAW_COLUMNS
from catalog.schema import ARROW_SCHEMA

ALIKE: Final = {"nn": "no", "hr": "sr", "bs": "sr", "ms": "id"}
"""Languages of one macrolanguage, or of two that are as near: each with the one that stands for it
in an additional line of scores. Source: https://iso639-3.sil.org/code_tables/macrolanguage_mappings
"""
_SCHEMA: Final = pa.schema([ARROW_SCHEMA.field(name) for name in RAW_COLUMNS])


def find(rows: list[dict[str, Any]]) -> Iterator[set[str]]:
    """Yield the languages of each row's conversation: those of its turns, or else its own."""
    raw = [_raw(row["conversation"]) for row in rows]
    for cleaned in clean(pa.RecordBatch.from_pylist(raw, _SCHEMA)).to_pylist():
        of_turns = set(cleaned.get("turn_languages") or ()) - {"und"}
        yield of_turns or {cleaned["language"]}


def _raw(conversation: list[dict[str, str]]) -> dict[str, Any]:
    turns = [{"stopped": False, **turn} for turn in conversation]
    named = {
        "contribution_id": "",
        "agent_id": "",
        "received_at": datetime(2026, 11, 29, tzinfo=UTC),
    }
    return {**named, "conversation": turns}
