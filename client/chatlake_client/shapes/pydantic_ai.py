"""Messages of Pydantic AI: requests and responses, whose parts are turns.

Source: pydantic/pydantic-ai, pydantic_ai_slim/pydantic_ai/messages.py (`ModelRequest`,
`ModelResponse`, as `ModelMessagesTypeAdapter` writes them).
"""

from typing import Final

from chatlake_client.conversation import ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.shapes.fields import Fields, json_text, kind_name
from chatlake_client.shapes.media import attachment_at
from chatlake_client.shapes.parts import add_turn
from chatlake_client.shapes.times import time_of

KIND: Final = "part_kind"
FILES: Final = {
    "image-url": "image",
    "audio-url": "audio",
    "video-url": "video",
    "document-url": "file",
}


def turns_of_model_message(message: Fields, *, is_first: bool) -> list[Turn]:
    """Return the turns of a request's parts, or the turn that a response is.

    Instructions come with each request. They are the system prompt of the first one.

    Raises:
        RowError: A part is of a kind that isn't known.
    """
    if message.text("kind") == "response":
        answer = Turn("assistant", model=message.label("model_name"))
        answer.created_at = time_of(message, "timestamp")
        for part in message.objects("parts"):
            add_turn(answer, _of_response(part))
        return [answer]
    instructions = message.label("instructions") if is_first else None
    turns = [Turn("system", instructions)] if instructions else []
    return turns + [_of_request(part) for part in message.objects("parts")]


def _of_response(part: Fields) -> Turn:
    match kind := part.text(KIND):
        case "text":
            return Turn("assistant", part.text("content"))
        case "thinking":
            return Turn("assistant", reasoning=part.label("content"))
        case "tool-call":
            arguments = part.take("args")
            text = json_text({} if arguments is None else arguments)
            call = ToolCall(part.label("tool_name") or "", text, part.label("tool_call_id"))
            return Turn("assistant", tool_calls=[call])
    raise RowError(f"{part.path} holds a part of the unknown kind {kind}")


def _of_request(part: Fields) -> Turn:
    kind, name = part.text(KIND), part.label("tool_name")
    match kind:
        case "system-prompt":
            turn = Turn("system", part.text("content"))
        case "user-prompt":
            turn = _asked(part)
        case "tool-return" | "retry-prompt" if name:
            turn = Turn("tool", json_text(part.take("content")), name=name)
            turn.tool_call_id = part.label("tool_call_id")
        case "retry-prompt":
            turn = Turn("user", json_text(part.take("content")))
        case _:
            raise RowError(f"{part.path} holds a part of the unknown kind {kind}")
    turn.created_at = time_of(part, "timestamp")
    return turn


def _asked(part: Fields) -> Turn:
    text = part.text("content")
    turn = Turn("user", text)
    for item in [] if text is not None else part.items("content"):
        if isinstance(item, str):
            add_turn(turn, Turn("user", item))
            continue
        file = part.inner(item, "content[]")
        kind, url = file.text("kind"), file.text("url")
        if kind not in FILES or url is None:
            what = kind or kind_name(item)
            raise RowError(f"{part.path}.content[] holds neither a text nor an address, but {what}")
        turn.attachments.append(attachment_at(url, FILES[kind]))
    return turn
