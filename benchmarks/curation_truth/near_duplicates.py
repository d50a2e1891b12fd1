"""Tells whether curation finds the second conversation of each row a near duplicate of the first.

Rows are decided by the rules of near duplicates alone, without those of quality, from conversations
as contributors send them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pyarrow as pa

from app.curation.rules.curating.decide import decisions
from app.curation.rules.curating.duplicates.minhash import bands
from app.curation.rules.curating.facts import FACTS
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.prompts import prompts
from app.curation.rules.curating.quality.signals import signals
from catalog.stages.tables import COMPUTED_STAGES

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
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ids = [str(UUID(int=place)) for place in range(len(turns))]
    known: dict[str, Any] = {
        "contribution_id": ids,
        "received_at": [start + timedelta(minutes=place) for place in range(len(turns))],
        "content_hash": [sha256(str(each).encode()).hexdigest() for each in turns],
        "language": ["und"] * len(turns),
        "signals": signals(texts),
        "bands": bands(texts),
        "prompt": prompts(texts),
    }
    columns = {
        name: pa.nulls(len(turns), _SCHEMA.field(name).type)
        if name not in known
        else known[name]
        if isinstance(known[name], pa.Array)
        else pa.array(known[name], _SCHEMA.field(name).type)
        for name in FACTS
    }
    rows = pa.table({**columns, "conversation": texts})

    def read_texts(wanted: Sequence[str], names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        chosen = [place for place, its_id in enumerate(ids) if its_id in wanted]
        yield from rows.select(names).take(pa.array(chosen, pa.int64())).to_batches()

    facts = rows.select(FACTS).to_batches()
    decided = decisions(facts, read_texts, _without_quality()).between(start, None)
    return [reason for reason in decided["reason"].to_pylist() if reason]


def _without_quality() -> CuratingParameters:
    """Return thresholds that no row is past, but for those of near duplicates."""
    names = {field.name for field in fields(CuratingParameters)}
    least = {name: 0 for name in names if name.startswith("min_") and _is_of_quality(name)}
    greatest = {name: 10**9 for name in names if name.startswith("max_")}
    return CuratingParameters(**least, **greatest, min_contributor_rows=10**9)


def _is_of_quality(name: str) -> bool:
    return name not in {"min_jaccard", "min_similarity", "min_contributor_rows"}
