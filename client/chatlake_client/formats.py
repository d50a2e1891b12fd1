"""Turns rows in the formats of other tools into submissions.

A row's format is recognised by its keys:

- chatlake's own: ``conversation``, a list of turns with ``content`` and ``role``;
- OpenAI's: ``messages``, https://platform.openai.com/docs/api-reference/chat;
- ShareGPT's: ``conversations``, a list of ``from`` and ``value``;
- Alpaca's: ``instruction``, ``input``, ``output``, https://github.com/tatsu-lab/stanford_alpaca,
  or ``response`` for ``output``, as GPTeacher has it.

Only the shape changes. Texts and roles are raw data and stay as they are given. A row that says
more than its turns can hold is rejected: see `losses`.
"""

from dataclasses import dataclass

from chatlake_client import jsontext
from chatlake_client.errors import LossyRowError, RowError
from chatlake_client.losses import lost_of_row, lost_of_turn
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

AGENT_KEYS = ("agent_id", "model", "model_name", "generator")
ROW_FIELDS = ("source", "submitter_id", "ingest_id", "prompt_template", "chat_template")
# The name to credit travels under the key that the GPT4All desktop client gave it.
ATTRIBUTION_WIRE_KEY = "network/attribution"

MAX_NAMED_KEYS = 20


@dataclass(frozen=True, slots=True)
class Defaults:
    """The fields of submissions whose rows don't state them.

    Attributes:
        agent_id: The agent that the conversations were held with. The service requires one.
        source: Where the conversations come from; None when that isn't known.
        submitter_id: Who sends the conversations; None sends them anonymously.
        attribution: The name to credit; None credits nobody.
    """

    agent_id: str | None = "unknown"
    source: str | None = None
    submitter_id: str | None = None
    attribution: str | None = None


@dataclass(frozen=True, slots=True)
class _Conversation:
    """The turns that were found in a row.

    Attributes:
        keys: The row's keys that hold the turns.
        row_turns: The turns as the row has them; empty where the row's own texts become turns.
        turns: The turns as they are sent.
    """

    keys: tuple[str, ...]
    row_turns: list[Json]
    turns: list[Json]


def body_of(row: object, defaults: Defaults) -> Json:
    """Return the submission that a row becomes; it has an ingest id only if the row has one.

    Args:
        row: The row as it was parsed.
        defaults: The fields that the submission has where the row doesn't state them.

    Raises:
        RowError: The row is in no known format, or a part of it has the wrong type.
        LossyRowError: The row holds meaning that a submission has no place for.
    """
    if not isinstance(row, dict):
        raise RowError(f"a row must be an object, not {_kind_name(row)}")
    stated = {key: row.get(key) for key in ROW_FIELDS}
    stated["agent_id"] = _first(*map(row.get, AGENT_KEYS), defaults.agent_id)
    stated["source"] = _first(stated["source"], defaults.source)
    stated["submitter_id"] = _first(stated["submitter_id"], defaults.submitter_id)
    stated[ATTRIBUTION_WIRE_KEY] = _first(
        row.get(ATTRIBUTION_WIRE_KEY), row.get("attribution"), defaults.attribution
    )
    fields = {key: value for key, value in stated.items() if _is_stated(value)}
    found = _find(row)
    if lost := _lost(row, found, fields.get("agent_id")):
        raise LossyRowError(lost)
    if found.turns and not any(map(_has_text, found.turns)):
        raise RowError("none of its turns has a text")
    return {**fields, "conversation": found.turns}


def _find(row: Json) -> _Conversation:
    for key in TURN_LISTS:
        if row.get(key) is not None:
            row_turns = _turns_of(row[key], key)
            turns = [_turn(turn, f"{key}[{place}]") for place, turn in enumerate(row_turns)]
            return _Conversation((key,), row_turns, turns)
    if row.get("instruction") is not None:
        for key in ALPACA_ANSWERS:
            if row.get(key) is not None:
                return _Conversation(("instruction", "input", key), [], _alpaca_turns(row, key))
    keys = sorted(row)
    more = ", …" if len(keys) > MAX_NAMED_KEYS else ""
    seen = ", ".join(keys[:MAX_NAMED_KEYS]) + more
    raise RowError(f"unknown format with keys: {seen or 'none'}; known formats: {KNOWN_FORMATS}")


def _lost(row: Json, found: _Conversation, agent_id: object) -> list[str]:
    """Return the keys of a row and its turns that carry meaning and would be left out."""
    texts = (text for turn in found.turns for text in turn.values())
    said = {text.strip() for text in (agent_id, *texts) if isinstance(text, str)}
    lost = list(lost_of_row(row, found.keys, said))
    for turn in found.row_turns:
        taken = TURN_KEYS if "content" in turn else (*TURN_KEYS, *SHAREGPT_KEYS)
        lost += [f"{found.keys[0]}[].{key}" for key in lost_of_turn(turn, taken, said)]
    return list(dict.fromkeys(lost))


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


def _is_stated(value: object) -> bool:
    """Tell whether a value is stated.

    CSV cells and the GPT4All bulk script hold an empty string for what they don't know.
    """
    return value is not None and value != ""


def _first(*values: object) -> object:
    return next((value for value in values if _is_stated(value)), None)


def _turns_of(value: object, key: str) -> list[Json]:
    """Return the turns in a list, or in a text that holds the list as JSON, as CSV cells do."""
    if isinstance(value, str):
        try:
            value = jsontext.parse_row(value)
        except ValueError as error:
            raise RowError(f"{key} is a text but not JSON: {error}") from error
    if not isinstance(value, list):
        raise RowError(f"{key} must be a list, not {_kind_name(value)}")
    for place, turn in enumerate(value):
        if not isinstance(turn, dict):
            raise RowError(f"{key}[{place}] must be an object, not {_kind_name(turn)}")
    return value


def _turn(value: Json, place: str) -> Json:
    turn = {
        key: value[sharegpt_key]
        for sharegpt_key, key in SHAREGPT_KEYS.items()
        if sharegpt_key in value
    }
    turn.update(value)
    content = turn.get("content")
    if isinstance(content, list):
        turn["content"] = _joined_texts(content, place)
    # In Parquet every turn has every key, with null for what it doesn't state.
    return {key: turn[key] for key in TURN_KEYS if turn.get(key) is not None}


def _has_text(turn: Json) -> bool:
    # A turn without any content is left for the service to reject.
    return turn.get("content") != "" or bool(turn.get("edited_content"))


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
    instruction, input_text = row["instruction"], row.get("input")
    if _is_stated(input_text):
        if not (isinstance(instruction, str) and isinstance(input_text, str)):
            raise RowError("instruction and input must be texts")
        instruction = f"{instruction}\n\n{input_text}"
    return [
        {"content": instruction, "role": "user"},
        {"content": row[answer_key], "role": "assistant"},
    ]


def _kind_name(value: object) -> str:
    """Return the name of a value's JSON type, for messages."""
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
