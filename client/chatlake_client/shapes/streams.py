"""Answers that were sent piece by piece, and logged so.

Chunks of OpenAI's name the answer to which they belong; events of Anthropic's follow one another,
each answer from `message_start` on.

Sources: openai/openai-python, src/openai/types/chat/chat_completion_chunk.py;
anthropics/anthropic-sdk-python, src/anthropic/types/raw_message_stream_event.py.
"""

from collections.abc import Iterator
from typing import Any, Final

from chatlake_client.conversation import Conversation, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.answers import read_answer
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.shape import OF_THE_FILE, Thread

CHUNK: Final = "chat.completion.chunk"
START: Final = "message_start"
EVENTS: Final = frozenset(
    {
        *(START, "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop", "ping"),
    }
)
SILENT_EVENTS: Final = frozenset({"ping", "message_stop"})
_DELTA_KEYS: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


def is_chunk(row: Json) -> bool:
    """Tell whether a row is a piece of an answer."""
    kind = row.get("type")
    if not (isinstance(kind, str) and kind in EVENTS):
        return row.get("object") == CHUNK
    return kind in SILENT_EVENTS or bool({"message", "index", "delta"} & row.keys())


def parts_of_chunk(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the piece with the id of its answer; pieces without one are of the file's only one."""
    id_ = row.get("id")
    yield id_ if row.get("object") == CHUNK and isinstance(id_, str) else OF_THE_FILE, row


def read_chunks(chunks: list[Json], losses: Losses) -> Conversation:
    """Return the answer that the pieces make, without what was asked, which they don't hold.

    Raises:
        RowError: The pieces are of several answers, or make none.
    """
    is_openai = chunks[0].get("object") == CHUNK
    whole = _completion(chunks) if is_openai else _message(chunks)
    choices, model, id_, created_at = read_answer(losses.open(whole, level=Level.ROW))
    if not choices:
        raise RowError("the pieces make no answer")
    first, *others = choices
    first[0].alternatives += others
    return Conversation(
        first, agent_id=last_model(first) or model, ingest_id=id_, created_at=created_at
    )


def _completion(chunks: list[Json]) -> Json:
    """Return chunks of OpenAI's as one completion."""
    messages: dict[str, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in _objects(chunk.get("choices")):
            message = messages.setdefault(str(choice.get("index")), {"role": "assistant"})
            for key, piece in _object(choice.get("delta")).items():
                if key == "tool_calls":
                    _add_calls(message.setdefault(key, []), piece)
                elif isinstance(piece, str) and key != "role":
                    message[key] = message.get(key, "") + piece
    choices = [{"message": message} for _, message in sorted(messages.items())]
    about = {key: chunks[0].get(key) for key in ("id", "model", "created")}
    return {**about, "choices": choices}


def _add_calls(calls: list[dict[str, Any]], pieces: object) -> None:
    for piece in _objects(pieces):
        place = piece.get("index", 0)
        call = next((one for one in calls if one["index"] == place), None)
        if call is None:
            call = {
                "index": place,
                "id": piece.get("id"),
                "function": {"name": "", "arguments": ""},
            }
            calls.append(call)
        for key, text in _object(piece.get("function")).items():
            if isinstance(text, str):
                call["function"][key] = call["function"].get(key, "") + text


def _message(events: list[Json]) -> Json:
    """Return events of Anthropic's as one message."""
    starts = [event for event in events if event.get("type") == START]
    if len(starts) != 1:
        raise RowError(f"{len(starts)} answers in events that don't name theirs")
    blocks: dict[str, dict[str, Any]] = {}
    for event in events:
        place, delta = str(event.get("index")), _object(event.get("delta"))
        if event.get("type") == "content_block_start":
            blocks[place] = dict(_object(event.get("content_block")))
        elif place in blocks and (key := _DELTA_KEYS.get(str(delta.get("type")))):
            blocks[place][key] = blocks[place].get(key, "") + str(delta.get(key, ""))
    for block in blocks.values():
        if partial := block.pop("partial_json", None):
            block["input"] = partial
    return {**_object(starts[0].get("message")), "content": list(blocks.values())}


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
