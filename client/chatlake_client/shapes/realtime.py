"""Logs of OpenAI's realtime API: events, some of which hold the messages of the one conversation.

What was said aloud is known by its transcript. Events with pieces of an answer are left out, since
a later one holds the whole.

Source: openai/openai-python, src/openai/types/realtime.
"""

from collections.abc import Iterator
from typing import Final

from chatlake_client.conversation import Conversation, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.responses import turns_of_items
from chatlake_client.shapes.shape import OF_THE_FILE, Thread
from chatlake_client.shapes.streams import object_of, objects_of

ITEM_EVENTS: Final = frozenset(
    {
        *("conversation.item.created", "conversation.item.added", "conversation.item.done"),
        *("conversation.item.create", "response.output_item.added", "response.output_item.done"),
    }
)
"""Types of events that hold an item of the conversation."""
DONE: Final = "response.done"
HEARD: Final = "conversation.item.input_audio_transcription.completed"
"""The type of the event that tells what a service understood."""
PREFIXES: Final = (
    *("session.", "conversation.", "response."),
    *("input_audio_buffer.", "output_audio_buffer.", "rate_limits."),
)
"""Beginnings of the types of all events."""


def is_realtime(row: Json) -> bool:
    """Tell whether a row is an event of the realtime API."""
    kind = row.get("type")
    return isinstance(kind, str) and "event_id" in row and kind.startswith(PREFIXES)


def parts_of_realtime(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield an event that holds something of the conversation."""
    kind = str(row.get("type"))
    if kind in ITEM_EVENTS or kind in {DONE, HEARD, "session.created", "session.updated"}:
        yield OF_THE_FILE, row


def read_realtime(events: list[Json], losses: Losses) -> Conversation:
    """Return the items in the order in which they began, each as its last event states it.

    Raises:
        RowError: The file holds several sessions, or what was said aloud isn't known.
    """
    sessions = {_id(event.get("session")) for event in events if "session" in event} - {None}
    if len(sessions) > 1:
        raise RowError(f"{len(sessions)} sessions in events that don't name theirs")
    session = next(
        (object_of(event["session"]) for event in reversed(events) if "session" in event), {}
    )
    heard = {
        str(event.get("item_id")): str(event.get("transcript", ""))
        for event in events
        if event.get("type") == HEARD
    }
    said = [_said(item, heard.get(id_)) for id_, item in _items(events).items()]
    if instructions := session.get("instructions"):
        said.insert(0, {"role": "system", "content": instructions})
    row = losses.open({}, level=Level.ROW)
    turns = turns_of_items((row.inner(one, "item", Level.TURN) for one in said), "assistant", "")
    model = session.get("model")
    for turn in turns:
        turn.model = model if turn.role == "assistant" and isinstance(model, str) else None
    return Conversation(turns, agent_id=last_model(turns))


def _items(events: list[Json]) -> dict[str, Json]:
    """Return the items by their ids; a later event without the content changes nothing."""
    items: dict[str, Json] = {}
    for event in events:
        output = objects_of(object_of(event.get("response")).get("output"))
        for item in [*output, *filter(None, [object_of(event.get("item"))])]:
            if (id_ := _id(item)) and not (id_ in items and not item.get("content")):
                items[id_] = {**items.get(id_, {}), **item}
    return items


def _id(value: object) -> str | None:
    id_ = value.get("id") if isinstance(value, dict) else None
    return id_ if isinstance(id_, str) else None


def _said(item: Json, heard: str | None) -> Json:
    """Return an item with what was said aloud as text.

    Raises:
        RowError: No transcript of it is known.
    """
    own = {key: value for key, value in item.items() if key not in ("id", "object", "status")}
    if "content" not in own:
        return own
    parts = []
    for part in objects_of(own["content"]):
        if "audio" in str(part.get("type")):
            text = part.get("transcript") or heard
            if not isinstance(text, str):
                raise RowError("something was said aloud, and no transcript of it is known")
            parts.append({"type": "text", "text": text})
        else:
            parts.append(part)
    return {**own, "content": parts}
