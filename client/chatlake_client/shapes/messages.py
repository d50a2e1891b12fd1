"""Reads messages of OpenAI and its kin, and rows of data sets that hold a list of them.

- https://github.com/openai/openai-python, src/openai/types/chat
- https://github.com/ollama/ollama, docs/api.md: `images`
- https://huggingface.co/docs/transformers/chat_templating: `tool_calls`, `thinking`, and `tools`
  beside the messages
- https://github.com/hiyouga/LLaMA-Factory, data/README.md: ShareGPT's `from` and `value`, with
  `system` and `tools` beside them; `kto_tag`
- https://github.com/huggingface/trl, docs/source/dataset_formats.md: `label` beside the messages
- chatlake's own rows
"""

import json
from typing import Final

from chatlake_client import jsontext
from chatlake_client.conversation import Attachment, Conversation, ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields, is_true, json_text, kind_name
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import DATA_URL, attachment_at, attachment_of_base64
from chatlake_client.shapes.parts import turns_of_parts
from chatlake_client.shapes.times import time_text

TURN_LISTS: Final = ("conversation", "messages", "conversations")
MODEL_KEYS: Final = ("model", "model_name", "generator")
SYSTEM_KEYS: Final = ("system", "system_prompt", "system_message")
REASONING_KEYS: Final = ("reasoning_content", "reasoning", "thinking")
LABEL_KEYS: Final = ("label", "kto_tag")
TOOL_SPEAKERS: Final = frozenset({"observation", "tool_response", "function_response"})
CALLING_SPEAKERS: Final = frozenset({"function_call", "tool_call"})
ATTRIBUTION_KEYS: Final = ("network/attribution", "attribution")


def is_messages(row: Json) -> bool:
    """Tell whether a row holds a list of messages."""
    return any(row.get(key) is not None for key in TURN_LISTS)


def read_messages(row: Fields) -> Conversation:
    """Return the conversation of a row that holds a list of messages."""
    key = next(key for key in TURN_LISTS if key in row)
    turns = turns_of(row, key)
    conversation = conversation_of(row, turns)
    rate_by_label(row, turns)
    return conversation


def conversation_of(row: Fields, turns: list[Turn]) -> Conversation:
    """Return a conversation with what a row of a data set states beside the turns."""
    add_system(row, turns)
    return Conversation(
        turns,
        agent_id=row.label("agent_id") or agent_of(turns, row, *MODEL_KEYS),
        ingest_id=row.label("ingest_id"),
        source=row.label("source"),
        submitter_id=row.label("submitter_id"),
        attribution=row.label(*ATTRIBUTION_KEYS),
        prompt_template=row.label("prompt_template"),
        chat_template=row.label("chat_template"),
        created_at=time_text(row.take("created_at")),
        title=row.label("title"),
        tools=tools_of(row),
        licence=row.label("licence", "license"),
    )


def add_system(row: Fields, turns: list[Turn]) -> None:
    """Put a system prompt that stands beside the turns before them, unless it is there."""
    system = row.label(*SYSTEM_KEYS)
    if system and not (turns and turns[0].content == system):
        turns.insert(0, Turn("system", system))


def tools_of(row: Fields) -> str | None:
    """Take the definitions of tools, as JSON text; None when there are none."""
    for key in ("tools", "functions"):
        if any(left == key for left, _ in row.left()):
            return json_text(row.take(key))
    return None


def rate_by_label(row: Fields, turns: list[Turn]) -> None:
    """Make a label of KTO the rating of the last turn."""
    for key in LABEL_KEYS:
        label = row.peek(key)
        if turns and (isinstance(label, bool) or str(label).strip().lower() in {"true", "false"}):
            row.take(key)
            turns[-1].rating = "positive" if is_true(label) else "negative"


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
    if not isinstance(value, list):
        raise RowError(f"{keys[0]} must be a list, not {kind_name(value)}")
    return turns_of_list(row, value, keys[0])


def turns_of_list(row: Fields, messages: list[object], key: str) -> list[Turn]:
    """Return the turns of a list of messages."""
    turns: list[Turn] = []
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            raise RowError(f"{key}[{place}] must be an object, not {kind_name(message)}")
        turns += turns_of_message(row.inner(message, f"{key}[]", Level.TURN))
    return turns


def turns_of_message(message: Fields) -> list[Turn]:
    """Return the turns of a message: several where a tool's answer stands inside it."""
    role = _checked_text(message, "role", "from")
    turns = _turns_of_content(message, role)
    if role in CALLING_SPEAKERS:
        _read_call(turns[-1])
    if not message.keys():
        return turns
    # Of several turns, the first ones are tools' answers; what the message says is the last one's.
    turn = turns[-1]
    reasoning = message.label(*REASONING_KEYS)
    turn.reasoning = reasoning or turn.reasoning
    if turn.reasoning:
        # Servers state the same thoughts under several keys.
        message.leave(*REASONING_KEYS, "reasoning_details", "thinking_blocks")
    if turn.content is None:
        turn.content = message.label("refusal")
    turn.tool_calls += calls_of(message)
    turn.tool_call_id = message.label("tool_call_id") or turn.tool_call_id
    turn.name = message.label("name") or turn.name
    turn.model = message.label("model")
    turn.created_at = time_text(message.take("created_at", "timestamp"))
    turn.rating = _checked_text(message, "rating")
    turn.edited_content = _checked_text(message, "edited_content")
    stopped = message.take("stopped")
    turn.stopped = None if stopped is None else is_true(stopped)
    turn.attachments += [_image(image) for image in _texts(message, "images")]
    if isinstance(message.peek("audio"), dict):
        _add_audio(turn, message.nested("audio"))
    if turn.name and turn.name == turn.role:
        turn.name = None
    return turns


def _turns_of_content(message: Fields, role: str | None) -> list[Turn]:
    key = "content" if "content" in message else "value"
    content = message.peek(key)
    if role in TOOL_SPEAKERS:
        role = "tool"
    if isinstance(content, list):
        parts = [_checked_part(message, part) for part in message.items(key)]
        return turns_of_parts(parts, role, "") or [Turn(role, "")]
    if isinstance(content, dict | int | float) and role in {"tool", "function"}:
        content = json_text(content)
    elif content is not None and not isinstance(content, str):
        raise RowError(f"{message.path}.{key} must be a text, not {kind_name(content)}")
    message.take(key)
    return [Turn(role, content)]


def _checked_part(message: Fields, part: object) -> Fields:
    if not isinstance(part, dict):
        raise RowError(f"{message.path} holds a part that is not a text")
    return message.inner(part, "content[]")


def _checked_text(message: Fields, *keys: str) -> str | None:
    text = message.text(*keys)
    for key in keys:
        if text is None and message.peek(key) is not None:
            raise RowError(
                f"{message.path}.{key} must be a text, not {kind_name(message.peek(key))}"
            )
    return text


def calls_of(message: Fields, key: str = "tool_calls") -> list[ToolCall]:
    """Take the calls of tools that a message makes, which may be JSON in a text."""
    calls = [_call(call) for call in message.objects(key)]
    if isinstance(message.peek("function_call"), dict):
        calls.append(_call(message.nested("function_call")))
    return calls


def _call(call: Fields) -> ToolCall:
    inner = call.nested("function", "custom") if "function" in call or "custom" in call else call
    arguments = inner.take("arguments", "input", "parameters")
    call.take("type")
    return ToolCall(
        inner.label("name") or "",
        json_text({} if arguments is None else arguments),
        call.label("id"),
    )


def _read_call(turn: Turn) -> None:
    """Turn the text of ShareGPT's `function_call` into calls, if it is JSON that names tools."""
    try:
        value = json.loads(turn.content or "")
    except ValueError:
        return
    calls = value if isinstance(value, list) else [value]
    if all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        turn.role, turn.content = "assistant", None
        turn.tool_calls = [
            ToolCall(call["name"], json_text(call.get("arguments", {})), call.get("id"))
            for call in calls
        ]


def _texts(message: Fields, key: str) -> list[str]:
    """Take a list of texts; a list that holds anything else stays among the lost."""
    values = message.peek(key)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return []
    return [str(value) for value in message.items(key)]


def _image(image: str) -> Attachment:
    """Describe one of Ollama's images: a URL, or the bytes in base64."""
    is_url = image.startswith(DATA_URL) or "://" in image
    return attachment_at(image, "image") if is_url else attachment_of_base64(image, "image")


def _add_audio(turn: Turn, audio: Fields) -> None:
    """Describe what a model said aloud; its transcript is the text, where there is no other."""
    transcript, data = audio.text("transcript"), audio.text("data")
    if turn.content is None:
        turn.content = transcript
    turn.attachments.append(
        attachment_of_base64(data, "audio", text=transcript)
        if data
        else attachment_at(audio.text("id"), "audio", text=transcript)
    )
