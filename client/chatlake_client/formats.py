"""Rows as other tools write them, turned into submissions.

A row's format is recognised by its keys:

- chatlake's own: ``conversation``, a list of turns with ``content`` and ``role``;
- OpenAI's: ``messages``, https://platform.openai.com/docs/api-reference/chat;
- ShareGPT's: ``conversations``, a list of ``from`` and ``value``;
- Alpaca's: ``instruction``, ``input``, ``output``, https://github.com/tatsu-lab/stanford_alpaca,
  or ``response`` for ``output``, as GPTeacher has it.

Only the shape changes. Texts and roles are raw data and stay as they are given.
"""

from dataclasses import dataclass

from chatlake_client import jsontext
from chatlake_client.errors import RowError
from chatlake_client.records import Json

TURN_LISTS = ("conversation", "messages", "conversations")
ALPACA_ANSWERS = ("output", "response")
KNOWN_KEYS = frozenset({*TURN_LISTS, "instruction"})
KNOWN_FORMATS = (
    "chatlake (conversation), OpenAI (messages), ShareGPT (conversations), "
    "Alpaca (instruction with output or response)"
)

TURN_KEYS = ("content", "role", "rating", "stopped", "edited_content")
SHAREGPT_KEYS = {"from": "role", "value": "content"}

ROW_FIELDS = ("source", "submitter_id", "ingest_id", "prompt_template", "chat_template")
# The name to credit travels under the key that the GPT4All desktop client gave it.
ATTRIBUTION_WIRE_KEY = "network/attribution"

MAX_NAMED_KEYS = 20


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a submission states where its row doesn't.

    Attributes:
        agent_id: The agent that the conversations were held with. The service requires one.
        source: Where the conversations come from.
        submitter_id: Who sends them.
        attribution: The name to credit.
    """

    agent_id: str | None = "unknown"
    source: str | None = None
    submitter_id: str | None = None
    attribution: str | None = None


def body_of(row: object, defaults: Defaults) -> Json:
    """Return the request body for a row, without an ingest id unless the row has its own.

    Raises:
        RowError: The row is in no known format.
    """
    if not isinstance(row, dict):
        raise RowError(f"a row must be an object, not {_named(row)}")
    stated = {key: row.get(key) for key in ROW_FIELDS}
    stated["agent_id"] = _first(row.get("agent_id"), defaults.agent_id)
    stated["source"] = _first(stated["source"], defaults.source)
    stated["submitter_id"] = _first(stated["submitter_id"], defaults.submitter_id)
    stated[ATTRIBUTION_WIRE_KEY] = _first(
        row.get(ATTRIBUTION_WIRE_KEY), row.get("attribution"), defaults.attribution
    )
    fields = {key: value for key, value in stated.items() if _is_given(value)}
    return {**fields, "conversation": conversation_of(row)}


def conversation_of(row: Json) -> list[Json]:
    """Return a row's turns.

    Raises:
        RowError: The row is in no known format, or a part of it has the wrong type.
    """
    for key in TURN_LISTS:
        if row.get(key) is not None:
            turns = _list_of(row[key], key)
            return [_turn(turn, f"{key}[{place}]") for place, turn in enumerate(turns)]
    if row.get("instruction") is not None:
        for key in ALPACA_ANSWERS:
            if row.get(key) is not None:
                return _alpaca_turns(row, key)
    keys = sorted(row)
    more = ", …" if len(keys) > MAX_NAMED_KEYS else ""
    seen = ", ".join(keys[:MAX_NAMED_KEYS]) + more
    raise RowError(f"unknown format with keys: {seen or 'none'}; known formats: {KNOWN_FORMATS}")


def is_row(value: Json) -> bool:
    """Tell whether an object is a row rather than something that holds rows.

    A key alone doesn't tell: a file may keep its rows under ``conversations``.
    """
    for key in TURN_LISTS:
        turns = value.get(key)
        if turns is not None:
            return not (
                isinstance(turns, list)
                and any(isinstance(turn, dict) and KNOWN_KEYS & turn.keys() for turn in turns)
            )
    return "instruction" in value


def _is_given(value: object) -> bool:
    """CSV cells and the GPT4All bulk script hold an empty string for what they don't know."""
    return value is not None and value != ""


def _first(*values: object) -> object:
    return next((value for value in values if _is_given(value)), None)


def _list_of(value: object, key: str) -> list[object]:
    """Return a list, or the list that a text holds as JSON: the only way that CSV has."""
    if isinstance(value, str):
        try:
            value = jsontext.parse_row(value)
        except ValueError as error:
            raise RowError(f"{key} is a text but not JSON: {error}") from error
    if not isinstance(value, list):
        raise RowError(f"{key} must be a list, not {_named(value)}")
    return value


def _turn(value: object, place: str) -> Json:
    if not isinstance(value, dict):
        raise RowError(f"{place} must be an object, not {_named(value)}")
    named = {
        key: value[sharegpt_key]
        for sharegpt_key, key in SHAREGPT_KEYS.items()
        if sharegpt_key in value
    }
    named.update(value)
    if isinstance(named.get("content"), list):
        named["content"] = _joined_texts(named["content"], place)
    # Parquet has a null where a turn has nothing to say: the service takes absence for that.
    return {key: named[key] for key in TURN_KEYS if named.get(key) is not None}


def _joined_texts(parts: list[object], place: str) -> str:
    texts: list[str] = []
    for part in parts:
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case _:
                # A conversation about an image makes no sense once the image is left out.
                raise RowError(f"{place} holds a part that is not a text")
    return "".join(texts)


def _alpaca_turns(row: Json, answer_key: str) -> list[Json]:
    instruction, given = row["instruction"], row.get("input")
    if _is_given(given):
        if not (isinstance(instruction, str) and isinstance(given, str)):
            raise RowError("instruction and input must be texts")
        instruction = f"{instruction}\n\n{given}"
    return [
        {"content": instruction, "role": "user"},
        {"content": row[answer_key], "role": "assistant"},
    ]


def _named(value: object) -> str:
    match value:
        case None:
            return "null"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number or a boolean"
