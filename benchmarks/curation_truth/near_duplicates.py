"""Tells whether curation finds the second conversation of each row a near duplicate of the first.

Rows are decided by the rules of near duplicates alone, without those of quality, from conversations
as contributors send them. The rules are those of the code that is on the path, so that earlier ones
can be scored too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from app.curation.rules.curating.decide import FACTS, decide
from app.curation.rules.curating.minhash import bands
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.signals import signals
from catalog.stages import COMPUTED_STAGES

_SCHEMA = COMPUTED_STAGES["cleaned"].arrow_schema
_DUPLICATES = {"duplicate", "near_duplicate"}


def find(rows: list[dict[str, Any]]) -> Iterable[set[str]]:
    """Return for each row whether one of its two conversations would be left out."""
    for row in rows:
        dropped = _dropped([row["first"], row["second"]])
        yield {"near_duplicate"} if _DUPLICATES & set(dropped) else set()


def _dropped(conversations: list[list[dict[str, Any]]]) -> list[str]:
    """Return the reasons for which conversations are left out that have no other faults."""
    turns = [[{"stopped": False, **turn} for turn in each] for each in conversations]
    texts = pa.array(turns, _SCHEMA.field("conversation").type)
    ids = [str(place) for place in range(len(turns))]
    known: dict[str, Any] = {
        "contribution_id": ids,
        "received_at": [datetime(2026, 3, 1, 12, place, tzinfo=UTC) for place in range(len(turns))],
        "content_hash": [str(each) for each in turns],
        "language": ["und"] * len(turns),
        "signals": signals(texts),
        "bands": bands(texts),
    }
    columns = {
        name: pa.nulls(len(turns), _SCHEMA.field(name).type)
        if name not in known
        else known[name]
        if isinstance(known[name], pa.Array)
        else pa.array(known[name], _SCHEMA.field(name).type)
        for name in FACTS
    }

    def read_texts(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        chosen = pa.array([place for place, its_id in enumerate(ids) if its_id in wanted])
        yield pa.record_batch({"contribution_id": ids, "conversation": texts}).take(chosen)

    decided = decide(pa.table(columns), read_texts, _without_quality())
    reasons: list[str] = decided["reason"].to_pylist()
    return reasons


def _without_quality() -> CuratingParameters:
    """Return thresholds that no row is past, but for those of near duplicates."""
    names = {field.name for field in fields(CuratingParameters)}
    least = {name: 0 for name in names if name.startswith("min_") and _is_of_quality(name)}
    greatest = {name: 10**9 for name in names if name.startswith("max_")}
    return CuratingParameters(**least, **greatest, min_contributor_rows=10**9)


def _is_of_quality(name: str) -> bool:
    return name not in {"min_jaccard", "min_similarity", "min_contributor_rows"}
