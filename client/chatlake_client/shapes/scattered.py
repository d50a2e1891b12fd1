"""Messages one a row, in CSV, JSONL or a list: rows with one id are a conversation.

Without an id all rows of the file are one, if several speak in it. Databases and spreadsheets hold
messages so; there is no one source.
"""

from collections.abc import Iterator
from typing import Final

from chatlake_client.conversation import Conversation
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Losses, whole_number
from chatlake_client.shapes.lists import are_linked
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.messages import turns_of_list
from chatlake_client.shapes.shape import OF_THE_FILE, Thread
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.vocabulary import TIME_KEYS, role_of_word, speaks, unwrapped

THREAD_KEYS: Final = (
    *("conversation_id", "conversationId", "thread_id", "threadId", "chat_id", "session_id"),
    *("dialogue_id", "dialog_id", "chatId", "sessionId"),
)
PLACE_KEYS: Final = (
    *("turn", "turn_id", "turn_index", "turn_idx", "message_index", "message_idx", "position"),
    *("index", "idx", "seq", "sequence", "order"),
)
TITLE_KEYS: Final = ("conversation_title", "title")


def is_scattered(row: Json) -> bool:
    """Tell whether a row is a message that names its conversation."""
    return speaks(row) and thread_of(row) is not None


def thread_of(row: Json) -> str | None:
    """Return the id of the conversation that a row names; None if it names none."""
    ids = [row.get(key) for key in THREAD_KEYS]
    within = row.get("conversation")
    ids.append(within.get("id") if isinstance(within, dict) else None)
    return next((str(id_) for id_ in ids if _is_id(id_)), None)


def _is_id(value: object) -> bool:
    return type(value) is int or (isinstance(value, str) and value != "")


def parts_of_scattered(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the message with the id of its conversation."""
    yield thread_of(row) or OF_THE_FILE, row


def read_scattered(messages: list[Json], losses: Losses) -> Conversation:
    """Return the conversation by the messages' places, or else by their times, or as they stand.

    Raises:
        RowError: No id tells that the rows are one conversation, and one speaks alone.
    """
    plain = in_order([unwrapped(message) for message in messages])
    id_ = thread_of(messages[0])
    title = next(filter(None, (_title(message) for message in plain)), None)
    about = {*THREAD_KEYS, *TITLE_KEYS, *PLACE_KEYS, "conversation"}
    if not are_linked(plain):
        about |= {"id", "message_id"}
    own = [{key: value for key, value in one.items() if key not in about} for one in plain]
    turns = turns_of_list(losses.open({}, level=Level.ROW), [*own], "messages")
    roles = {role_of_word(turn.role) or turn.role for turn in turns}
    if id_ is None and (len(roles) == 1 or roles == {"system", "user"}):
        raise RowError("a message of no conversation: no id, and nobody else speaks in the file")
    return Conversation(
        turns,
        created_at=next((turn.created_at for turn in turns if turn.created_at), None),
        title=title,
    )


def _title(message: Json) -> str | None:
    titles = (message.get(key) for key in TITLE_KEYS)
    return next((title for title in titles if isinstance(title, str) and title), None)


def in_order(messages: list[Json]) -> list[Json]:
    """Return rows by the places that they state, or else by their times, or as they stand."""
    for key in PLACE_KEYS:
        places = [whole_number(message.get(key)) for message in messages]
        known = [place for place in places if place is not None]
        if len(known) == len(messages) and len(set(known)) > 1:
            return [message for _, message in sorted(zip(known, messages, strict=True), key=_first)]
    for key in TIME_KEYS:
        times = [time_text(message.get(key)) for message in messages]
        if all(times):
            ordered = sorted(zip(times, messages, strict=True), key=_time)
            return [message for _, message in ordered]
    return messages


def _first(pair: tuple[int, Json]) -> int:
    return pair[0]


def _time(pair: tuple[str | None, Json]) -> str:
    return (pair[0] or "").rstrip("Z")
