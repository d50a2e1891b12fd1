"""What the points of a map stand for: whole conversations, or the answers to single prompts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal, get_args

import pyarrow as pa

from app.curation.rules.cleaning.roles import roles_of

PointKind = Literal["conversations", "pairs"]
POINT_KINDS: Final[tuple[PointKind, ...]] = get_args(PointKind)

NEEDED_COLUMNS: Final = ("contribution_id", "received_at", "source", "agent_id", "conversation")
"""Columns that every stage has and a map is made of; those of who contributed aren't among them."""
LANGUAGE: Final = "language"
"""A column that stages have which know their conversations' languages."""
MAX_TEXT_CHARS: Final = 2_000
"""Characters of a text that a map holds and is arranged by: browsers load all of its texts."""

POINT_SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("rating", pa.string(), nullable=False),
        pa.field("roles", pa.string(), nullable=False),
        pa.field("turns", pa.int32(), nullable=False),
        pa.field("agent_id", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("received_at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("contribution_id", pa.string(), nullable=False),
    ]
)
"""A point before it has a place. `rating` is positive, negative, mixed or none."""

Turn = Mapping[str, Any]


def points(batches: Iterable[pa.RecordBatch], kind: PointKind) -> Iterator[pa.RecordBatch]:
    """Yield the points of the rows of a stage, batch by batch; rows without text have none.

    Args:
        batches: Rows of a stage, with `NEEDED_COLUMNS` and perhaps `LANGUAGE`.
        kind: What a point stands for.

    Yields:
        Batches of `POINT_SCHEMA`, which may be empty.
    """
    make = _whole if kind == "conversations" else _pairs
    for batch in batches:
        rows = batch.to_pylist()
        found = [point for row in rows for point in make(row) if point["text"].strip()]
        yield pa.RecordBatch.from_pylist(found, POINT_SCHEMA)


def _whole(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield _point(row, row["contribution_id"], row["conversation"])


def _pairs(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    turns: Sequence[Turn] = row["conversation"]
    # As cleaning does: it tells roles by all turns, and then leaves out those without text.
    roles = roles_of([turn["role"] for turn in turns])
    spoken = [number for number, turn in enumerate(turns) if turn["content"].strip()]
    for prompt, response in pairwise(spoken):
        if (roles[prompt], roles[response]) == ("user", "assistant"):
            point_id = f"{row['contribution_id']}-{prompt}"
            yield _point(row, point_id, (turns[prompt], turns[response]))


def _point(row: Mapping[str, Any], point_id: str, turns: Sequence[Turn]) -> dict[str, Any]:
    roles = dict.fromkeys(turn["role"] or "none" for turn in turns)
    text = "\n\n".join(_cut(turns))
    return {
        "id": point_id,
        "contribution_id": row["contribution_id"],
        "received_at": row["received_at"],
        "agent_id": row["agent_id"],
        "source": row["source"],
        "language": row.get(LANGUAGE),
        "rating": _rating(turns),
        "roles": ", ".join(roles),
        "turns": len(turns),
        "text": text[:MAX_TEXT_CHARS],
    }


def _cut(turns: Sequence[Turn]) -> Iterator[str]:
    """Yield the texts of turns, as long as they are needed: there can be 10,000 turns."""
    length = 0
    for turn in turns:
        yield turn["content"][:MAX_TEXT_CHARS]
        length += len(turn["content"])
        if length > MAX_TEXT_CHARS:
            return


def _rating(turns: Sequence[Turn]) -> str:
    given = {turn["rating"] for turn in turns} - {None}
    return given.pop() if len(given) == 1 else ("mixed" if given else "none")
