"""Small rules for tests of the pipeline, and how to watch which rows they are given.

They are in a module of their own, since the processes that run them import it.
"""

import hashlib
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.interface import (
    DECISIONS_SCHEMA,
    MEASURED,
    Outcomes,
    Reason,
    StageRules,
    TextReader,
)
from catalog.stages.tables import COMPUTED_STAGES, MASK_KINDS

_CLEANED: Final = COMPUTED_STAGES["cleaned"].arrow_schema
_BANDS: Final = 2


@dataclass(frozen=True, slots=True)
class Clean:
    """Cleans rows.

    Attributes:
        seen: File that the ids of all rows are appended to; None to note none.
    """

    seen: Path | None = None

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Strip texts, leave out empty turns, and mask the word SECRET."""
        rows = [_cleaned(row) for row in batch.to_pylist()]
        if self.seen:
            with self.seen.open("a") as file:
                file.write("".join(f"{row['contribution_id']}\n" for row in rows))
        names = [name for name in _CLEANED.names if name not in MEASURED]
        fields = [pa.field(name, _CLEANED.field(name).type) for name in names]
        schema = pa.schema([*fields, pa.field("reason", pa.large_string())])
        return pa.RecordBatch.from_pylist(rows, schema)


@dataclass(frozen=True, slots=True)
class Stuck:
    """A `clean` that never returns.

    Attributes:
        begun: File that is made when it is called.
    """

    begun: Path

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Make the file, and wait to be killed."""
        self.begun.touch()
        signal.pause()
        return batch


def _cleaned(row: dict[str, Any]) -> dict[str, Any]:
    turns = [
        {**turn, "role": turn["role"] or "user", "content": turn["content"].strip()}
        for turn in row["conversation"]
        if turn["content"].strip()
    ]
    text = "\n".join(turn["content"] for turn in turns)
    masked = dict.fromkeys(MASK_KINDS, 0) | {"secret": text.count("SECRET")}
    roles = "".join(turn["role"][0] for turn in turns)
    return {
        **row,
        "conversation": turns,
        "content_hash": hashlib.sha256(text.encode()).hexdigest(),
        "language": "en",
        "language_confidence": 0.5,
        "masked": masked,
        "reason": None if "ua" in roles else "no_exchange" if turns else "empty",
    }


def signals(conversations: pa.Array) -> pa.Array:
    """Return the numbers of words and negative ratings; other signals are 0."""
    kind = _CLEANED.field("signals").type
    nothing = {field.name: False if pa.types.is_boolean(field.type) else 0 for field in kind}
    return pa.array(
        [
            {
                **nothing,
                "words": sum(len(turn["content"].split()) for turn in turns),
                "negative_ratings": sum(turn["rating"] == "negative" for turn in turns),
            }
            for turns in conversations.to_pylist()
        ],
        kind,
    )


def bands(conversations: pa.Array) -> pa.Array:
    """Return the number of turns and the first letter of each conversation."""
    return pa.array(
        [
            [len(turns), *turns[0]["content"].encode()[: _BANDS - 1]]
            for turns in conversations.to_pylist()
        ],
        _CLEANED.field("bands").type,
    )


def prompts(conversations: pa.Array) -> pa.Array:
    """Return the length and the first byte of each first turn."""
    return pa.array(
        [
            {"hash": len(turns[0]["content"]), "bands": list(turns[0]["content"].encode()[:1])}
            for turns in conversations.to_pylist()
        ],
        _CLEANED.field("prompt").type,
    )


def measures(conversations: pa.Array, languages: pa.Array) -> dict[str, pa.Array]:
    """Return what is measured of conversations: no score, nor overlaps with evaluation sets."""
    nothing = pa.nulls(len(languages))
    functions = {"signals": signals, "bands": bands, "prompt": prompts}
    return {
        **{name: function(conversations) for name, function in functions.items()},
        "quality_score": nothing,
        "evaluation_set": nothing,
        "overlap": nothing,
    }


@dataclass(frozen=True, slots=True)
class DecidedTable:
    """What is decided, as a table.

    Attributes:
        table: The rows, in the order of receipt.
        outcomes: What was found when texts were compared.
    """

    table: pa.Table
    outcomes: Outcomes = field(default_factory=dict)

    def between(self, start: datetime, end: datetime | None) -> pa.Table:
        """Return the rows that were received between two times."""
        received = self.table["received_at"]
        is_within = pc.greater_equal(received, pa.scalar(start, received.type))
        if end is not None:
            is_within = pc.and_(is_within, pc.less(received, pa.scalar(end, received.type)))
        return self.table.filter(is_within)


def decide(facts: Iterable[pa.RecordBatch], texts: TextReader, _: Outcomes) -> DecidedTable:
    """Drop rows that are rated negative, equal to an earlier row, or similar to one.

    Texts are similar if they differ only in the case of letters. Of the rows that stay, those whose
    text begins with a lower letter are in the group of its code point.
    """
    kept: dict[str, str] = {}
    kept_texts: dict[str, str] = {}
    rows = [row for batch in facts for row in batch.to_pylist()]
    ids = [row["contribution_id"] for row in rows]
    lowered = {each["contribution_id"]: each["text"] for each in _lowered(texts, ids)}
    decided = []
    for row in rows:
        name, key = row["contribution_id"], row["content_hash"]
        text = lowered[name]
        if row["signals"]["negative_ratings"]:
            decided.append(_dropped(row, "rated_negative"))
        elif key in kept:
            decided.append(_dropped(row, "duplicate", kept[key], 1.0))
        elif text in kept_texts:
            decided.append(_dropped(row, "near_duplicate", kept_texts[text], 0.9))
        else:
            kept[key] = kept_texts[text] = name
            first = row["prompt"]["bands"][0]
            if chr(first).islower():
                decided.append({**_dropped(row, None), "prompt_group": first})
    return DecidedTable(pa.Table.from_pylist(decided, DECISIONS_SCHEMA))


def _lowered(texts: TextReader, ids: list[str]) -> Iterable[dict[str, str]]:
    for batch in texts(ids, ["contribution_id", "conversation"]):
        for row in batch.to_pylist():
            text = "\n".join(turn["content"] for turn in row["conversation"])
            yield {"contribution_id": row["contribution_id"], "text": text.lower()}


def _dropped(
    row: dict[str, Any],
    reason: str | None,
    kept_id: str | None = None,
    measure: float | None = None,
) -> dict[str, Any]:
    return {
        "contribution_id": row["contribution_id"],
        "received_at": row["received_at"],
        "reason": reason,
        "kept_id": kept_id,
        "measure": measure,
    }


TEST_RULES: Final = StageRules(
    clean=Clean(),
    measures=measures,
    decide=decide,
    facts=("contribution_id", "received_at", "contributor_id", "content_hash", "signals", "prompt"),
    cleaning_version="1",
    curating_version="1",
    reasons=(
        Reason(name="empty", stage="cleaned", left_out="without a text"),
        Reason(name="duplicate", stage="curated", left_out="that another one is equal to"),
    ),
)


def watched(seen: Path) -> StageRules:
    """Return the same rules, which append the ids that they are given to a file."""
    return replace(TEST_RULES, clean=Clean(seen))


def ids_in(seen: Path) -> list[str]:
    """Return the ids in the file, ascending, and remove the file."""
    ids = sorted(seen.read_text().split()) if seen.exists() else []
    seen.unlink(missing_ok=True)
    return ids
