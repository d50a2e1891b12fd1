"""Reads lists of messages: what their elements are, and the turns of all.

`message.py` reads a message, and names the sources.
"""

from typing import Final, TypeGuard

from chatlake_client import jsontext
from chatlake_client.conversation import Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, json_text, kind_name
from chatlake_client.shapes.lists import (
    are_items,
    are_linked,
    oldest_first,
    turns_of_linked,
    with_user,
)
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.message import CALLING_SPEAKERS, turns_of_message
from chatlake_client.shapes.pairs import apart, texts_in, turns_of_texts
from chatlake_client.shapes.pydantic_ai import turns_of_model_message
from chatlake_client.shapes.responses import turns_of_items
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.vocabulary import (
    KEPT_ROLES,
    is_model_message,
    role_of_word,
    role_told,
    says_something,
    speaks,
    unwrapped,
)

ONE: Final = "conversation"
TURN_LISTS: Final = (ONE, "messages", "conversations")
PLAIN_KEYS: Final = 2
"""How many keys most messages have: a speaker and a text."""
OWN_KEYS: Final = frozenset(
    {
        *("content", "edited_content", "rating", "reasoning", "tool_calls", "tool_call_id", "name"),
        *("model", "created_at", "stopped", "attachments", "alternatives", "id"),
    }
)
"""Keys of chatlake's own turns, which may have no role."""
SYSTEM: Final = "system"
"""The key of an answer under which OpenCode lists what its model was told."""
NOT_SAID: Final = ("follow_up", "verbose")
"""Types of Coze's messages that the application makes up itself."""


def turns_of(row: Fields, *keys: str) -> list[Turn]:
    """Take a list of messages, which may be JSON in a text; return their turns.

    Raises:
        RowError: The value is no list of messages.
    """
    value = row.take(*keys)
    if isinstance(value, str):
        try:
            value = jsontext.parse_row(value)
        except ValueError as error:
            raise RowError(f"{keys[0]} is a text but not JSON: {error}") from error
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        # A list of an API.
        value = value["data"]
    if isinstance(value, dict) and are_by_id(value):
        value = [{"id": id_, **one} for id_, one in value.items() if isinstance(one, dict)]
    value = _rows_of_columns(value)
    if isinstance(value, list):
        value = [_message_of_pair(one) for one in value]
    if not isinstance(value, list):
        raise RowError(f"{keys[0]} must be a list, not {kind_name(value)}")
    return turns_of_list(row, value, keys[0])


def are_by_id(value: Json) -> bool:
    """Tell whether an object holds messages by their ids, as trees are kept."""
    members = list(value.values())
    return bool(members) and all(isinstance(one, dict) and speaks(one) for one in members)


def _rows_of_columns(value: object) -> object:
    """Return a list of messages that is held as one list for each of their keys, as rows."""
    if not (isinstance(value, dict) and value and all(isinstance(v, list) for v in value.values())):
        return value
    columns = list(value.values())
    if any(len(column) != len(columns[0]) for column in columns):
        return value
    return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _message_of_pair(value: object) -> object:
    """Return a pair of a speaker and a text, as FastChat logs messages, as a message."""
    if isinstance(value, list) and len(value) == PLAIN_KEYS and role_of_word(value[0]):
        return {"role": str(value[0]).lower(), "content": value[1]}
    return value


def turns_of_list(row: Fields, messages: list[object], key: str) -> list[Turn]:
    """Return the turns of a list of messages."""
    plain = [_plain_turn(message) for message in messages if isinstance(message, dict)]
    turns = [turn for turn in plain if turn is not None]
    if len(turns) == len(messages):
        return turns
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            raise RowError(f"{key}[{place}] must be an object, not {kind_name(message)}")
    return _turns_of_objects(row, [one for one in messages if isinstance(one, dict)], key)


def _turns_of_objects(row: Fields, objects: list[Json], key: str) -> list[Turn]:
    if are_items(objects):
        items = [row.inner(message, f"{key}[]", Level.TURN) for message in objects]
        return turns_of_items(items, "assistant", "")
    if are_linked(objects):
        return turns_of_linked(row, objects, lambda alone: turns_of_list(row, [*alone], key))
    turns: list[Turn] = []
    systems: dict[str, None] = {}
    for message in map(unwrapped, oldest_first(with_user(apart(objects, row, key)))):
        if message.get("type") in NOT_SAID:
            row.lose(f"{key}[] of the type {message['type']}", is_meant=False)
            continue
        told = row.inner(message, f"{key}[]", Level.TURN)
        if isinstance(message.get(SYSTEM), list):
            systems["\n".join(map(json_text, told.items(SYSTEM)))] = None
        turns += _turns_of_element(told, message, is_first=not turns)
    return [*(Turn("system", system) for system in systems if system), *turns]


def _turns_of_element(told: Fields, message: Json, *, is_first: bool) -> list[Turn]:
    if pair := texts_in(message):
        return turns_of_texts(told, pair)
    if is_model_message(message):
        return turns_of_model_message(told, is_first=is_first)
    return _turns_in_list(told)


def _turns_in_list(message: Fields) -> list[Turn]:
    """Return the turns of an element of a list; none of an event that says nothing.

    Raises:
        RowError: The element says something, and not who speaks.
    """
    stated = message.keys()
    turns = turns_of_message(message)
    turns[0].alternatives = _alternatives(message)
    is_event = "type" in stated and not says_something(stated) and turns[0].shows_nothing
    if (turns[0].role is not None and not is_event) or OWN_KEYS.issuperset(stated):
        return turns
    if not says_something(stated):
        return []
    raise RowError(f"{message.path} doesn't tell who speaks; its keys: {', '.join(stated)}")


def _plain_turn(message: Json) -> Turn | None:
    """Return the turn of a message that tells who speaks and what, and nothing else.

    Most messages of data sets are such, and nothing of them can be lost.
    """
    if len(message) != PLAIN_KEYS:
        return None
    role = message.get("role") or message.get("from")
    content = message.get("content") or message.get("value")
    if type(role) is not str or type(content) is not str or role in CALLING_SPEAKERS:
        return None
    turn = Turn(role if role in KEPT_ROLES else role_told(role), content)
    split_thoughts(turn)
    return turn


def _alternatives(message: Fields) -> list[list[Turn]]:
    """Take the alternatives that chatlake's own turns have: lists of turns."""
    others = message.peek("alternatives")
    if not isinstance(others, list) or not all(map(_are_objects, others)):
        return []
    lists = message.items("alternatives")
    return [
        turns_of_list(message, list(other), "alternatives[]")
        for other in lists
        if _are_objects(other)
    ]


def _are_objects(values: object) -> TypeGuard[list[Json]]:
    return isinstance(values, list) and bool(values) and all(isinstance(v, dict) for v in values)
