"""Rows with a list of messages under a key that no other shape knows, or within another object.

The list is told by its elements: each says who speaks and what, or is a question with its answer.
So `turns`, `utterances`, `traj` and `chat_log` are read alike, whichever tool wrote them.
"""

from chatlake_client.conversation import Conversation
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.instructions import ASKED_KEYS
from chatlake_client.shapes.messages import exchange_in, turns_of
from chatlake_client.shapes.rows import conversation_of, rate_by_label
from chatlake_client.shapes.scattered import thread_of
from chatlake_client.shapes.vocabulary import says_something, speaks, unwrapped

def is_listed(row: Json) -> bool:
    """Tell whether a row holds exactly one list of messages."""
    return len(_lists_in(row)) == 1


def _lists_in(row: Json) -> list[str]:
    return [key for key, value in row.items() if key not in ASKED_KEYS and are_messages(value)]


def are_messages(value: object) -> bool:
    """Tell whether a value is a list of messages, or of questions with answers, of one thread."""
    if not (isinstance(value, list) and value and all(isinstance(one, dict) for one in value)):
        return False
    elements: list[Json] = value
    said = [one for one in elements if says_something(unwrapped(one)) or exchange_in(one)]
    if not said or not all(speaks(one) or exchange_in(one) for one in said):
        return False
    return len({thread_of(one) for one in said}) == 1


def read_listed(row: Fields) -> Conversation:
    """Return the conversation of the list, with what the row states beside it.

    Raises:
        RowError: The row holds no such list, or several.
    """
    keys = _lists_in({key: row.peek(key) for key in row.keys()})  # noqa: SIM118  # no dict
    if len(keys) != 1:
        raise RowError(f"{len(keys)} lists of messages")
    turns = turns_of(row, keys[0])
    rate_by_label(row, turns)
    return conversation_of(row, turns)
