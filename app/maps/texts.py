"""The points of a map: each stands for a conversation, or for a prompt with its response."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal, get_args

import pyarrow as pa

from app.curation.rules.cleaning.roles import Role, roles_of
from app.curation.rules.curating.words import turns_of

PointKind = Literal["conversations", "pairs"]
POINT_KINDS: Final[tuple[PointKind, ...]] = get_args(PointKind)
POINT: Final[dict[PointKind, str]] = {"conversations": "conversation", "pairs": "pair"}
"""What a point of each kind is called."""

NEEDED_COLUMNS: Final = ("contribution_id", "received_at", "source", "agent_id", "conversation")
"""Columns that maps are built from; every stage has them, and none says who contributed."""
LANGUAGE: Final = "language"
"""Column of the stages that know the languages of conversations."""
OUTCOME: Final = "outcome"
"""Column with the outcome of the stages after a row's own, where they were built."""
MAX_TEXT_CHARS: Final = 2_000
"""Length at which a text is cut, since browsers load all texts of a map."""
SAID: Final = "text"
"""Column with what users and assistants said, by which points are arranged and clusters are named.
Many conversations may have one system prompt. If they said nothing, the column has all texts."""
SHOWN: Final = "conversation"
"""Column with what all roles said: `role: text`, with an empty line between turns."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""The roles that a turn of `SHOWN` can have."""

POINT_SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field(SAID, pa.string(), nullable=False),
        pa.field("contribution_id", pa.string(), nullable=False),
        pa.field(SHOWN, pa.string(), nullable=False),
        pa.field(OUTCOME, pa.string()),
        pa.field("model", pa.string()),
        pa.field("language", pa.string()),
        pa.field("rating", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("agent_id", pa.string(), nullable=False),
        pa.field("roles", pa.string(), nullable=False),
        pa.field("turns", pa.int32(), nullable=False),
        pa.field("received_at", pa.timestamp("us", "UTC"), nullable=False),
    ]
)
"""A point without its position. `rating` is positive, negative, mixed or none; `model` names the
models that its turns name; `roles` has the clients' own words for them."""

_TURN_FIELDS: Final = ("role", "content", "rating", "model", "tool_calls", "tool_call_id")
"""The fields of a turn that points are made from; the others may be large."""
_SPEAKERS: Final = ("user", "assistant")
_BETWEEN_TURNS: Final = "\n\n"
_CUT: Final = " …"
"""The end of a conversation of which more was said."""
_LIKE_ROLE: Final = re.compile(rf"^(?=(?:{'|'.join(ROLES)}): )", re.MULTILINE)
"""The beginning of a line that could be taken for the beginning of a turn; it is indented."""
_TURN: Final = re.compile(rf"(?:\A|{_BETWEEN_TURNS})({'|'.join(ROLES)}): ")
"""The beginning of a turn in a text of `SHOWN`."""

_TurnRow = Mapping[str, Any]


def make_points(batches: Iterable[pa.RecordBatch], kind: PointKind) -> Iterator[pa.RecordBatch]:
    """Yield the points of rows of a stage, batch by batch; rows without text have no point.

    Args:
        batches: Rows of a stage, with `NEEDED_COLUMNS` and perhaps `LANGUAGE` and `OUTCOME`.
        kind: Whether a point stands for a conversation or for a prompt with its response.

    Yields:
        Batches of `POINT_SCHEMA`, which may be empty.
    """
    make = _conversation_point if kind == "conversations" else _pair_points
    for batch in batches:
        rows = _with_needed_fields(batch).to_pylist()
        found = [point for row in rows for point in make(row) if point[SAID].strip()]
        yield pa.RecordBatch.from_pylist(found, POINT_SCHEMA)


def said_in(shown: str) -> str:
    """Return what users and assistants say in a text of `SHOWN`, as `SAID` has it."""
    _, *parts = _TURN.split(shown.removesuffix(_CUT))
    texts = list(zip(parts[::2], parts[1::2], strict=True))
    spoken = [text for role, text in texts if role in _SPEAKERS and text.strip()]
    return _BETWEEN_TURNS.join(spoken or [text for _, text in texts])


def _with_needed_fields(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose turns have `_TURN_FIELDS` alone."""
    turns = turns_of(batch.column("conversation"))
    fields = [turns.field(name) for name in _TURN_FIELDS]
    structs = pa.StructArray.from_arrays(fields, names=_TURN_FIELDS)
    lists = pa.LargeListArray.from_arrays(pa.array(turns.offsets), structs)
    place = batch.schema.get_field_index("conversation")
    return batch.set_column(place, "conversation", lists)


def _conversation_point(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    turns: Sequence[_TurnRow] = row["conversation"]
    yield _point(row, row["contribution_id"], turns, roles_of(turns))


def _pair_points(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    turns: Sequence[_TurnRow] = row["conversation"]
    # As in cleaning: all turns decide the roles, and then those without text are dropped. What
    # tools answered is between a prompt and its response.
    roles = roles_of(turns)
    spoken = [
        number
        for number, turn in enumerate(turns)
        if turn["content"].strip() and roles[number] != "tool"
    ]
    for prompt, response in pairwise(spoken):
        pair = roles[prompt], roles[response]
        if pair == ("user", "assistant"):
            point_id = f"{row['contribution_id']}-{prompt}"
            yield _point(row, point_id, (turns[prompt], turns[response]), pair)


def _point(
    row: Mapping[str, Any], point_id: str, turns: Sequence[_TurnRow], roles: Sequence[Role]
) -> dict[str, Any]:
    words = dict.fromkeys(turn["role"] or "none" for turn in turns)
    models = dict.fromkeys(turn["model"] for turn in turns if turn["model"])
    texts = [(role, turn["content"]) for role, turn in zip(roles, turns, strict=True)]
    spoken = [(role, text) for role, text in texts if role in _SPEAKERS and text.strip()]
    said = _first_texts(spoken or texts)
    first = list(_first_texts(texts))
    shown = _BETWEEN_TURNS.join(f"{role}: {_LIKE_ROLE.sub(' ', text)}" for role, text in first)
    is_whole = sum(len(text) for _, text in first) == sum(len(text) for _, text in texts)
    return {
        "id": point_id,
        SAID: _BETWEEN_TURNS.join(text for _, text in said),
        "contribution_id": row["contribution_id"],
        SHOWN: shown if is_whole else shown + _CUT,
        OUTCOME: row.get(OUTCOME),
        "model": ", ".join(models) or None,
        "language": row.get(LANGUAGE),
        "rating": _rating(turns),
        "source": row["source"],
        "agent_id": row["agent_id"],
        "roles": ", ".join(words),
        "turns": len(turns),
        "received_at": row["received_at"],
    }


def _first_texts(turns: Sequence[tuple[Role, str]]) -> Iterator[tuple[Role, str]]:
    """Yield the first roles and texts, which together have a map's length at most.

    A conversation can have 10,000 turns, so not all of them are joined.
    """
    left = MAX_TEXT_CHARS
    for role, text in turns:
        # A turn may consist of calls or attachments.
        if text:
            yield role, text[:left]
            left -= len(text) + len(_BETWEEN_TURNS)
            if left <= 0:
                return


def _rating(turns: Sequence[_TurnRow]) -> str:
    given = {turn["rating"] for turn in turns} - {None}
    return given.pop() if len(given) == 1 else ("mixed" if given else "none")
