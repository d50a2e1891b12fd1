"""Backups of applications that keep messages apart from the chats to which they belong.

Each chat becomes an object of its own, which `chats.py` reads. Keys that nothing here knows stay in
it, so that they are counted as lost.

Sources: lobehub/lobe-chat, packages/types/src/exportConfig.ts and message; CherryHQ/cherry-studio,
src/renderer/src/services/BackupService.ts and types/newMessage.ts; chatboxai/chatbox,
src/shared/types.ts (`threads`); kwaroran/RisuAI, src/ts/characters.ts; dumps of databases.
"""

from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from chatlake_client.records import Json
from chatlake_client.shapes.scattered import THREAD_KEYS, thread_of
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.vocabulary import speaks

_THREAD: Final = frozenset({*THREAD_KEYS, "id", "title", "name"})
_RISU: Final = "risuChat"
_LOBE_SESSION: Final = frozenset({"id", "config"})
_LOBE_TOPIC: Final = frozenset({"id", "title", "createdAt", "sessionId"})
_LOBE_MESSAGE: Final = frozenset(
    {"sessionId", "topicId", "parentId", "agentId", "extra", "tools", "plugin"}
)
_CHERRY_TOPIC: Final = frozenset({"messages", "prompt"})
_CHERRY_MESSAGE: Final = frozenset(
    {
        *("blocks", "content", "reasoning_content", "others", "topicId", "assistantId"),
        *("askId", "useful", "foldSelected"),
    }
)
_CHERRY_BLOCK: Final = frozenset({"id", "messageId", "type", "content"})
BLOCK_TYPES: Final = {"main_text": "text", "code": "text", "thinking": "thinking"}
"""Cherry Studio's words for parts with a text, and Anthropic's."""


def chats_of(document: Json) -> list[Json] | None:
    """Return the chats of a backup, each with its messages; None where a document is no backup."""
    state = document.get("state", document.get("data"))
    if isinstance(state, dict) and _are_lobe_messages(state.get("messages")):
        return list(_lobe_chats(state))
    if isinstance(observations := document.get("observations"), list):
        # A trace of Langfuse repeats what its calls of models say.
        return [one for one in observations if isinstance(one, dict)]
    if document.get("type") == _RISU:
        chat = _object(document.get("data"))
        return [{**_without(chat, {"message"}), "messages": _risu_messages(chat)}]
    if _are_of_threads(messages := _objects(document.get("messages")), document):
        return list(_with_threads(messages, document))
    database = document.get("indexedDB")
    if isinstance(database, dict) and isinstance(database.get("topics"), list):
        return list(_cherry_chats(database))
    return None


def _risu_messages(chat: Json) -> list[Json]:
    """Return messages with their ids, which the application calls ids of chats."""
    return [
        {**_without(message, {"chatId"}), "id": message.get("chatId")}
        for message in _objects(chat.get("message"))
    ]


def _are_of_threads(messages: list[Json], document: Json) -> bool:
    """Tell whether messages name their conversations: several, or one that stands beside them."""
    threads = {thread_of(message) for message in messages if speaks(message)}
    if not threads or None in threads:
        return False
    beside = (_by_id(table, THREAD_KEYS) for key, table in document.items() if key != "messages")
    return len(threads) > 1 or any(threads & table.keys() for table in beside)


def _with_threads(messages: list[Json], document: Json) -> Iterator[Json]:
    """Yield messages of a database; the first one of a conversation says what is known of it."""
    tables = [_by_id(table, THREAD_KEYS) for key, table in document.items() if key != "messages"]
    for message in messages:
        id_ = str(thread_of(message))
        about = next((table.pop(id_) for table in tables if id_ in table), {})
        title = about.get("title") or about.get("name")
        named = {"conversation_title": title} if title else {}
        yield {**message, **named, **_without(about, _THREAD, "thread.")}


def _objects(value: object) -> list[Any]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _without(value: Json, keys: Collection[str], prefix: str = "") -> Json:
    """Return an object without some keys, the others behind a prefix."""
    return {prefix + key: other for key, other in value.items() if key not in keys}


def _by_id(value: object, keys: tuple[str, ...] = ()) -> dict[str, Json]:
    """Return the objects of a list by their ids, without those that have none."""
    found: dict[str, Json] = {}
    for item in _objects(value):
        ids = (item.get(key) for key in (*keys, "id"))
        if id_ := next((str(one) for one in ids if isinstance(one, str | int)), None):
            found[id_] = item
    return found


def _are_lobe_messages(messages: object) -> bool:
    found = _objects(messages)
    return bool(found) and all("role" in one and "sessionId" in one for one in found)


def _lobe_chats(state: Json) -> Iterator[Json]:
    sessions, topics = _by_id(state.get("sessions")), _by_id(state.get("topics"))
    places: dict[tuple[str, str], int] = {}
    rows = []
    for message in _objects(state["messages"]):
        key = (str(message.get("sessionId")), str(message.get("topicId")))
        rows.append((places.setdefault(key, len(places)), message))
    names = list(places)
    for place, group in groupby(sorted(rows, key=itemgetter(0)), key=itemgetter(0)):
        messages = sorted((message for _, message in group), key=_time)
        session_id, topic_id = names[place]
        session, topic = sessions.get(session_id, {}), topics.get(topic_id, {})
        yield {
            **_without(session, _LOBE_SESSION, "session."),
            **_without(topic, _LOBE_TOPIC, "topic."),
            # Messages without a topic are the session's own.
            "topicId": topic.get("id") or session_id,
            "title": topic.get("title") or _object(session.get("meta")).get("title"),
            "created_at": topic.get("createdAt"),
            "settings": session.get("config"),
            "messages": [_lobe_message(message) for message in messages],
        }


def _time(message: Json) -> str:
    return (time_text(message.get("createdAt")) or "").rstrip("Z")


def _lobe_message(message: Json) -> Json:
    own = _without(message, _LOBE_MESSAGE)
    calls, plugin, extra = message.get("tools"), message.get("plugin"), message.get("extra")
    if calls:
        own["tool_calls"] = [{**call, "name": _tool_name(call)} for call in _objects(calls)]
    if isinstance(plugin, dict):
        own["name"] = _tool_name(plugin)
        own["plugin"] = _without(plugin, {"identifier", "apiName"})
    if isinstance(extra, dict):
        own.setdefault("model", extra.get("fromModel"))
        own["extra"] = _without(extra, {"fromModel"})
    return own


def _tool_name(call: Json) -> str:
    return ".".join(str(call[key]) for key in ("identifier", "apiName") if call.get(key))


def _cherry_chats(database: Json) -> Iterator[Json]:
    blocks = _by_id(database.get("message_blocks"))
    for topic in _objects(database["topics"]):
        messages = _objects(topic.get("messages"))
        if messages:
            yield {
                **_without(topic, _CHERRY_TOPIC),
                "assistantId": messages[0].get("assistantId") or topic.get("id"),
                "systemPrompt": topic.get("prompt"),
                "messages": [_cherry_message(message, blocks) for message in _shown(messages)],
            }


def _shown(messages: list[Any]) -> Iterator[Json]:
    """Yield each message; of the answers of several models to one question, the one that counts.

    The others are its alternatives.
    """
    for question, group in groupby(messages, key=lambda one: one.get("askId")):
        answers = list(group)
        if not question:
            yield from answers
            continue
        useful = [one for one in answers if one.get("useful") or one.get("foldSelected")]
        shown = (useful or answers)[-1]
        others = [one for one in answers if one is not shown]
        yield {**shown, "others": others}


def _cherry_message(message: Json, blocks: dict[str, Json]) -> Json:
    ids = message.get("blocks")
    said = [
        blocks[id_]
        for id_ in (ids if isinstance(ids, list) else ())
        if isinstance(id_, str) and id_ in blocks
    ]
    own = _without(message, _CHERRY_MESSAGE)
    parts = [(block, list(_cherry_parts(block))) for block in said]
    own["content"] = message.get("content") or [part for _, found in parts for part in found]
    for block, found in parts:
        if not found:
            # Translations, citations and errors stand beside what was said.
            own[f"blocks of the type {block.get('type')}"] = block
    if message.get("reasoning_content"):
        own["reasoning"] = message["reasoning_content"]
    if others := _objects(message.get("others")):
        own["alternatives"] = [[_cherry_message(other, blocks)] for other in others]
    return own


def _cherry_parts(block: Json) -> Iterator[Json]:
    kind, content = str(block.get("type")), block.get("content")
    if kind in BLOCK_TYPES and isinstance(content, str):
        key = "thinking" if kind == "thinking" else "text"
        yield {**_without(block, _CHERRY_BLOCK), "type": BLOCK_TYPES[kind], key: content}
    elif kind == "tool":
        id_, name = block.get("toolId"), block.get("toolName")
        call = {"type": "tool_use", "id": id_, "name": name, "input": block.get("arguments")}
        yield {key: value for key, value in call.items() if value is not None}
        if content is not None:
            yield {"type": "tool_result", "tool_use_id": id_, "name": name, "content": content}
    elif kind in {"image", "file"}:
        file = _object(block.get("file"))
        name = file.get("origin_name") or file.get("name")
        url = block.get("url") or file.get("id")
        yield {"type": kind, "url": url, "name": name}
