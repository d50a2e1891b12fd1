"""Chatbox: sessions with threads that were closed, and forks of messages.

The session's messages are those of its open thread, along the path that is shown. A fork lies
behind the message whose id it has: of its lists the one at `position` is that path and is empty.

Source: chatboxai/chatbox, src/shared/types (`Session`, `SessionThread`, `messageForksHash`).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from chatlake_client.conversation import Conversation
from chatlake_client.records import Json
from chatlake_client.shapes.chats import LISTS, is_of_application, read_chat
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.shape import Thread

THREADS: Final = "threads"
FORKS: Final = "messageForksHash"
MESSAGES: Final = LISTS[0]


def is_chatbox(row: Json) -> bool:
    """Tell whether a row is a session with threads or forks."""
    return isinstance(row.get(MESSAGES), list) and bool(row.get(THREADS) or row.get(FORKS))


def parts_of_chatbox(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the open thread, and then the closed ones, as chats of their own."""
    threads = row.get(THREADS)
    if not (isinstance(threads, list) and all(map(_is_thread, threads))):
        yield None, row
        return
    session = {key: value for key, value in row.items() if key != THREADS}
    common = {key: row[key] for key in ("settings",) if key in row}
    closed = [{**common, **thread, "threadName": thread.get("name")} for thread in threads]
    forks, shown = row.get(FORKS), row[MESSAGES]
    if isinstance(forks, dict) and isinstance(shown, list):
        forks = dict(forks)
        found = _reached(shown, forks)
        for chat in closed:
            if reached := _reached(chat[MESSAGES], forks):
                chat[FORKS] = reached
        # What no thread reaches stays with the session, which then loses it.
        session[FORKS] = {**found, **forks}
    if shown or not closed or forks:
        yield None, session
    for chat in closed:
        chat.pop("name", None)
        yield None, chat


def _is_thread(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get(MESSAGES), list)


def _reached(messages: list[Any], forks: dict[str, Any]) -> Json:
    """Take the forks behind messages, and behind those in these forks."""
    found: Json = {}
    waiting = [messages]
    while waiting:
        for message in waiting.pop():
            id_ = message.get("id") if isinstance(message, dict) else None
            if isinstance(id_, str) and id_ in forks:
                found[id_] = forks.pop(id_)
                waiting += _lists(found[id_]) or []
    return found


def _lists(fork: object) -> list[list[Any]] | None:
    """Return the messages of each list of a fork; None of anything else."""
    lists = fork.get("lists") if isinstance(fork, dict) else None
    if not (isinstance(lists, list) and all(map(_is_thread, lists))):
        return None
    return [one[MESSAGES] for one in lists]


def read_chatbox(parts: list[Json], losses: Losses) -> Conversation:
    """Return the conversation of a thread, whose forks are alternatives behind their message."""
    (chat,) = parts
    forks, messages = chat.get(FORKS), chat[MESSAGES]
    if isinstance(forks, dict) and isinstance(messages, list):
        left = dict(forks)
        chat = {**chat, MESSAGES: _with_forks(messages, left), FORKS: left or None}
    # A session that has no name of its own for its thread is Chatbox's, too.
    chat = {**chat, "threadName": chat.get("threadName") or ""}
    return read_chat(losses.open(chat, level=Level.ROW))


def _with_forks(messages: list[Any], forks: dict[str, Any]) -> list[Any]:
    """Return messages with their alternatives; take each fork that a message follows."""
    spoken = [one for one in messages if not (isinstance(one, dict) and is_of_application(one))]
    joined = spoken[:1]
    for before, message in pairwise(spoken):
        id_ = before.get("id") if isinstance(before, dict) else None
        lists = _lists(forks.get(id_)) if isinstance(id_, str) else None
        if id_ is None or lists is None or not isinstance(message, dict):
            joined.append(message)
            continue
        # The list of the path that is shown is empty.
        del forks[id_]
        others = [other for one in lists if (other := _with_forks(one, forks))]
        joined.append({**message, "alternatives": others})
    return joined
