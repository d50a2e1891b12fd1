"""Rows with a list of messages under a key that no other shape knows, or within another object.

The list is told by its elements: each says who speaks and what, or is a question with its answer.
So `turns`, `utterances`, `traj` and `chat_log` are read alike, whichever tool wrote them.
"""

from typing import Final

from chatlake_client.conversation import Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.instructions import ASKED_KEYS
from chatlake_client.shapes.meaning import holds_answer
from chatlake_client.shapes.messages import turns_of
from chatlake_client.shapes.pairs import is_pair
from chatlake_client.shapes.rows import conversation_of, rate_by_label
from chatlake_client.shapes.scattered import thread_of
from chatlake_client.shapes.vocabulary import role_of_word, says_something, speaks, unwrapped

NO_CONVERSATIONS: Final = frozenset(
    {
        *ASKED_KEYS,
        *("candidates", "choices", "completions", "generations", "responses", "answers"),
        *("outputs", "alternatives", "variants", "examples", "few_shot", "demonstrations"),
    }
)
"""Keys of lists that are a question alone, answers beside one another, or shown to a model."""
GREETING_KEYS: Final = ("greeting", "first_mes", "first_message")
EXCHANGE_LISTS: Final = frozenset(
    {
        *("turns", "texts", "dialogue", "dialog", "history", "chat", "log", "rounds", "qa", "qas"),
        *("exchanges", "utterances", "interactions", "chat_history", "dialogues"),
    }
)
"""Keys of lists that are one conversation, even if each element is a question with its answer."""


def is_listed(row: Json) -> bool:
    """Tell whether a row holds exactly one list of messages."""
    return len(message_lists(row)) == 1


def message_lists(row: Json) -> list[str]:
    """Return the keys of a row that hold lists of messages."""
    return [
        key
        for key, value in row.items()
        if key not in NO_CONVERSATIONS and are_messages(value, may_pair=key in EXCHANGE_LISTS)
    ]


def are_messages(value: object, *, may_pair: bool) -> bool:
    """Tell whether a value is a list of messages of one conversation.

    Args:
        value: The value.
        may_pair: Whether elements may also be questions with their answers, which are rows of
            their own elsewhere.
    """
    if not (isinstance(value, list) and value and all(isinstance(one, dict) for one in value)):
        return False
    elements: list[Json] = value
    said = [
        one for one in elements if says_something(unwrapped(one)) or (may_pair and is_pair(one))
    ]
    if not said or not all(speaks(one) or (may_pair and is_pair(one)) for one in said):
        return False
    return len({thread_of(one) for one in said}) == 1


def read_listed(row: Fields) -> Conversation:
    """Return the conversation of the list, with what the row states beside it.

    Raises:
        RowError: The row holds no such list, or several.
    """
    keys = message_lists({key: row.peek(key) for key in row.keys()})  # noqa: SIM118  # no dict
    if len(keys) != 1:
        raise RowError(f"{len(keys)} lists of messages")
    turns = turns_of(row, keys[0])
    _name_machine(turns)
    beside = {key: row.peek(key) for key in row.keys()}  # noqa: SIM118  # no dict
    if all(role_of_word(turn.role) != "assistant" for turn in turns):
        if holds_answer(beside):
            raise RowError(f"{keys[0]} holds what was asked, and the answer stands elsewhere")
        raise RowError(f"nobody answers in {keys[0]}")
    if greeting := row.label(*GREETING_KEYS):
        turns.insert(0, Turn("assistant", greeting))
    rate_by_label(row, turns)
    return conversation_of(row, turns)


def _name_machine(turns: list[Turn]) -> None:
    """Name the assistant where the system answers the user, as in research on dialogues."""
    roles = [turn.role for turn in turns]
    if "assistant" not in roles and "user" in roles and "system" in roles[roles.index("user") :]:
        for turn in turns:
            turn.role = "assistant" if turn.role == "system" else turn.role
