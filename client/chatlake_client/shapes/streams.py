"""Answers that were sent piece by piece, and logged so.

Chunks of OpenAI's and Gemini's name the answer to which they belong, older ones of Gemini's and all
of Ollama's don't. Events of Anthropic's follow one another, each answer from `message_start` on.

Sources: openai/openai-python, src/openai/types/chat/chat_completion_chunk.py;
anthropics/anthropic-sdk-python, src/anthropic/types/raw_message_stream_event.py;
googleapis/python-genai, google/genai/types.py (`GenerateContentResponse`); ollama/ollama,
docs/api.md.
"""

from collections import Counter
from collections.abc import Callable, Iterator
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


GEMINI: Final = "candidates"
GEMINI_KEYS: Final = frozenset({"modelVersion", "usageMetadata", "responseId"})
"""Keys beside the candidates of Gemini's answers, of which each has one at least."""
OLLAMA_KEYS: Final = frozenset({"model", "created_at", "done"})
ASKED_KEYS: Final = frozenset({"contents", "request", "messages", "prompt", "input"})
"""Keys of what was asked, which no piece of an answer has."""
OLLAMA_TEXTS: Final = ("content", "thinking")


def is_chunk(row: Json) -> bool:
    """Tell whether a row is a piece of an answer."""
    if _is_of_gemini(row) or _is_of_ollama(row):
        return True
    kind = row.get("type")
    if not (isinstance(kind, str) and kind in EVENTS):
        return row.get("object") == CHUNK
    return kind in SILENT_EVENTS or bool({"message", "index", "delta"} & row.keys())


def _is_of_gemini(row: Json) -> bool:
    return (
        isinstance(row.get(GEMINI), list)
        and not GEMINI_KEYS.isdisjoint(row)
        and ASKED_KEYS.isdisjoint(row)
    )


def _is_of_ollama(row: Json) -> bool:
    return (
        row.keys() >= OLLAMA_KEYS
        and isinstance(row["done"], bool)
        and (isinstance(row.get("message"), dict) or isinstance(row.get("response"), str))
        and ASKED_KEYS.isdisjoint(row)
    )


def parts_of_chunk(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the piece with the id of its answer; pieces without one are of the file's only one."""
    id_ = row.get("id") if row.get("object") == CHUNK else row.get("responseId")
    is_whole = _is_of_ollama(row) and row["done"] and any(_texts_of_ollama(row).values())
    yield None if is_whole else id_ if isinstance(id_, str) else OF_THE_FILE, row


def read_chunks(chunks: list[Json], losses: Losses) -> Conversation:
    """Return the answer that the pieces make, without what was asked, which they don't hold.

    Raises:
        RowError: The pieces are of several answers, or make none.
    """
    if len(kinds := set(map(_joiner_of, chunks))) > 1:
        raise RowError("pieces of several kinds that don't name their answers")
    whole = kinds.pop()(chunks)
    choices, model, id_, created_at = read_answer(losses.open(whole, level=Level.ROW))
    if not choices:
        raise RowError("the pieces make no answer")
    first, *others = choices
    first[0].alternatives += others
    return Conversation(
        first, agent_id=last_model(first) or model, ingest_id=id_, created_at=created_at
    )


def _joiner_of(chunk: Json) -> Callable[[list[Json]], Json]:
    """Return what makes one answer of pieces such as this one."""
    if _is_of_gemini(chunk):
        return _answer_of_gemini
    if _is_of_ollama(chunk):
        return _answer_of_ollama
    return _completion if chunk.get("object") == CHUNK else _message


def _answer_of_gemini(chunks: list[Json]) -> Json:
    """Return pieces of Gemini's as one completion.

    Raises:
        RowError: They end more than once.
    """
    parts: dict[str, list[dict[str, Any]]] = {}
    ends: Counter[str] = Counter()
    for chunk in chunks:
        for candidate in objects_of(chunk[GEMINI]):
            place = str(candidate.get("index", 0))
            ends[place] += "finishReason" in candidate
            for part in objects_of(object_of(candidate.get("content")).get("parts")):
                _add_part(parts.setdefault(place, []), part)
    if max(ends.values(), default=0) > 1 and "responseId" not in chunks[0]:
        raise RowError(f"{max(ends.values())} answers in pieces that don't name theirs")
    choices = [
        {"message": {"role": "model", "parts": held}} for _, held in sorted(parts.items()) if held
    ]
    about = {"id": chunks[0].get("responseId"), "model": chunks[0].get("modelVersion")}
    return {**about, "created": chunks[0].get("createTime"), "choices": choices}


def _add_part(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """Add a part; texts after one another are one text, and so are thoughts."""
    last = parts[-1] if parts else {}
    is_more = "text" in last and "text" in part and last.get("thought") == part.get("thought")
    if is_more and isinstance(last["text"], str) and isinstance(part["text"], str):
        parts[-1] = {**last, **part, "text": last["text"] + part["text"]}
    else:
        parts.append(part)


def _texts_of_ollama(chunk: Json) -> dict[str, str]:
    said = object_of(chunk.get("message")) or {
        "content": chunk.get("response"),
        "thinking": chunk.get("thinking"),
    }
    return {key: text for key in OLLAMA_TEXTS if isinstance(text := said.get(key), str)}


def _answer_of_ollama(chunks: list[Json]) -> Json:
    """Return pieces of Ollama's as one answer.

    Raises:
        RowError: They end more than once.
    """
    ends = sum(chunk["done"] is True for chunk in chunks)
    if ends > 1:
        raise RowError(f"{ends} answers in pieces that don't name theirs")
    texts: dict[str, str] = {}
    calls: list[Any] = []
    for chunk in chunks:
        calls += objects_of(object_of(chunk.get("message")).get("tool_calls"))
        for key, piece in _texts_of_ollama(chunk).items():
            texts[key] = texts.get(key, "") + piece
    message = {"role": "assistant", **texts, **({"tool_calls": calls} if calls else {})}
    return {**{key: chunks[0][key] for key in ("model", "created_at")}, "message": message}


def _completion(chunks: list[Json]) -> Json:
    """Return chunks of OpenAI's as one completion."""
    messages: dict[str, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in objects_of(chunk.get("choices")):
            message = messages.setdefault(str(choice.get("index")), {"role": "assistant"})
            for key, piece in object_of(choice.get("delta")).items():
                if key == "tool_calls":
                    _add_calls(message.setdefault(key, []), piece)
                elif isinstance(piece, str) and key != "role":
                    message[key] = message.get(key, "") + piece
    choices = [{"message": message} for _, message in sorted(messages.items())]
    about = {key: chunks[0].get(key) for key in ("id", "model", "created")}
    return {**about, "choices": choices}


def _add_calls(calls: list[dict[str, Any]], pieces: object) -> None:
    for piece in objects_of(pieces):
        place = piece.get("index", 0)
        call = next((one for one in calls if one["index"] == place), None)
        if call is None:
            call = {
                "index": place,
                "id": piece.get("id"),
                "function": {"name": "", "arguments": ""},
            }
            calls.append(call)
        for key, text in object_of(piece.get("function")).items():
            if isinstance(text, str):
                call["function"][key] = call["function"].get(key, "") + text


def _message(events: list[Json]) -> Json:
    """Return events of Anthropic's as one message."""
    starts = [event for event in events if event.get("type") == START]
    if len(starts) != 1:
        raise RowError(f"{len(starts)} answers in events that don't name theirs")
    blocks: dict[str, dict[str, Any]] = {}
    for event in events:
        place, delta = str(event.get("index")), object_of(event.get("delta"))
        if event.get("type") == "content_block_start":
            blocks[place] = dict(object_of(event.get("content_block")))
        elif place in blocks and (key := _DELTA_KEYS.get(str(delta.get("type")))):
            blocks[place][key] = blocks[place].get(key, "") + str(delta.get(key, ""))
    for block in blocks.values():
        if partial := block.pop("partial_json", None):
            block["input"] = partial
    return {**object_of(starts[0].get("message")), "content": list(blocks.values())}


def object_of(value: object) -> Json:
    """Return a value that is an object; an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[Any]:
    """Return the objects of a list; none of any other value."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
