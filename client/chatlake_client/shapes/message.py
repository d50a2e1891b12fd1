"""Reads a message of OpenAI and its kin.

- https://github.com/openai/openai-python, src/openai/types/chat
- https://github.com/ollama/ollama, docs/api.md: `images`
- https://huggingface.co/docs/transformers/chat_templating: `tool_calls`, `thinking`, and `tools`
  beside the messages
- https://github.com/hiyouga/LLaMA-Factory, data/README.md: ShareGPT's `from` and `value`, with
  `system` and `tools` beside them; `kto_tag`
- https://github.com/huggingface/trl, docs/source/dataset_formats.md: `label` beside the messages
- https://github.com/LAION-AI/Open-Assistant, inference/server: `score` with `state`
- chatlake's own rows: docs/api.md there
"""

from dataclasses import replace
from typing import Final

from chatlake_client.conversation import ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.shapes.calls import (
    CALLING_KEYS,
    OBSERVATION,
    RESULTS,
    answers_after,
    called_in,
    read_call,
)
from chatlake_client.shapes.fields import Fields, is_true, json_text, kind_name, whole_number
from chatlake_client.shapes.files import IMAGES, files_of
from chatlake_client.shapes.files import LISTS as FILE_LISTS
from chatlake_client.shapes.gemini import turns_of_content
from chatlake_client.shapes.media import attachment_at, attachment_of_base64
from chatlake_client.shapes.parts import turns_of_parts
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_of
from chatlake_client.shapes.vocabulary import (
    NAMING_KEYS,
    ROLE_KEYS,
    TIME_KEYS,
    content_key_of,
    is_typed,
    model_of,
    role_of_word,
    role_told,
    speaker_of,
)

REASONING_KEYS: Final = ("reasoning_content", "reasoning", "thinking")
MORE_KEYS: Final = frozenset(
    {
        *(*REASONING_KEYS, "reasoning_details", "thinking_blocks", "thought", "thoughts"),
        *(*CALLING_KEYS, OBSERVATION, RESULTS, "tool_call_id", "toolCallId", "refusal", "name"),
        *(*NAMING_KEYS, *TIME_KEYS, IMAGES, *FILE_LISTS, "audio"),
        *("rating", "state", "score", "edited_content", "stopped"),
    }
)
"""All keys of a message that are read, but those of its speaker and its content."""
OASST_STATES: Final = ("manual", "pending", "in_progress", "complete", "cancelled", "timeout")
"""Words of Open Assistant's chats for whether a message is whole."""
VOTES: Final[dict[int | None, str | None]] = {1: "positive", 0: None, -1: "negative"}
CALLING_SPEAKERS: Final = frozenset({"function_call", "tool_call"})
"""ShareGPT's words for a model that calls a tool."""


def turns_of_message(message: Fields) -> list[Turn]:
    """Return the turns of a message: several where a tool's answer stands inside it."""
    role = _speaker(message)
    turns = _turns_of_content(message, role)
    if role in CALLING_SPEAKERS:
        read_call(turns[-1])
    if message.lacks(MORE_KEYS) and len(turns) == 1:
        # Most messages say no more, whatever keys they have.
        split_thoughts(turns[0])
        return turns
    # Of several turns, some are tools' answers; what the message says is the last other one's.
    turn = next((one for one in reversed(turns) if one.role != "tool"), turns[-1])
    thought = _thought(message, turn) or turn.reasoning
    turn.reasoning = message.label(*REASONING_KEYS) or _thoughts(message) or thought
    if turn.reasoning:
        # Servers state the same thoughts under several keys.
        message.leave(*REASONING_KEYS, "reasoning_details", "thinking_blocks")
    if not turn.content:
        turn.content = message.label("refusal") or turn.content
    calls, answers = called_in(message)
    turn.tool_calls += calls
    turn.tool_call_id = message.label("tool_call_id", "toolCallId") or turn.tool_call_id
    turn.name = message.label("name") or turn.name
    turn.model = model_of(message)
    turn.created_at = time_of(message, *TIME_KEYS)
    turn.rating = _checked_text(message, "rating") or _vote(message)
    turn.edited_content = _checked_text(message, "edited_content")
    stopped = message.take("stopped")
    turn.stopped = None if stopped is None else is_true(stopped)
    turn.attachments += files_of(message)
    if isinstance(message.peek("audio"), dict):
        _add_audio(turn, message.nested("audio"))
    if turn.name and turn.name == turn.role:
        turn.name = None
    split_thoughts(turn)
    return [*_with_answers(turns, answers), *answers_after(message)]


def _speaker(message: Fields) -> str | None:
    """Take who speaks.

    Raises:
        RowError: It is the name of somebody, which doesn't tell whether a person or a model speaks.
    """
    is_name = message.peek("role") is None and not message.has("value")
    role = _checked_text(message, *ROLE_KEYS)
    if role is None:
        return speaker_of(message)
    if is_name and role_of_word(role) is None and role not in CALLING_SPEAKERS:
        raise RowError(f"{message.path}.from: {role!r} is no known word for a speaker")
    return role_told(role)


def _vote(message: Fields) -> str | None:
    """Take the score of a message of Open Assistant's chats: a thumb up, down, or none."""
    if message.lacks(("score",)):
        return None
    vote = whole_number(message.peek("score"))
    if message.peek("state") not in OASST_STATES or vote not in VOTES:
        return None
    message.take("state", "score")
    return VOTES[vote]


def _thought(message: Fields, turn: Turn) -> str | None:
    """Take the thought of an agent, which its text may repeat."""
    thought = message.text("thought")
    return thought if thought and thought.strip() not in (turn.content or "") else None


def _thoughts(message: Fields) -> str | None:
    """Take Gemini CLI's thoughts: a subject and a description each."""
    thoughts = message.peek("thoughts")
    if not (isinstance(thoughts, list) and all(isinstance(one, dict) for one in thoughts)):
        return None
    texts = [
        one.text(key) for one in message.objects("thoughts") for key in ("subject", "description")
    ]
    return "\n".join(filter(None, texts)) or None


def _with_answers(turns: list[Turn], answers: list[Turn]) -> list[Turn]:
    """Put tools' answers behind the turn that calls them, and what it says of them last."""
    turn = turns[-1]
    if answers and turn.content:
        said = replace(turn, reasoning=None, tool_calls=[], alternatives=[], attachments=[])
        turn.content, turn.rating = None, None
        answers = [*answers, said]
    return [*turns, *answers]


def _turns_of_content(message: Fields, role: str | None) -> list[Turn]:
    key = content_key_of(message)
    content = message.peek(key)
    if message.peek("type") == "code" and isinstance(message.peek("format"), str):
        # Open Interpreter's.
        call = ToolCall(message.label("format") or "", str(message.take(key)))
        return [Turn(role, tool_calls=[call])]
    if key == "parts" and isinstance(content, list) and not is_typed(content):
        return turns_of_content(message, role) or [Turn(role, "")]
    if isinstance(content, list):
        parts = [_checked_part(message, part) for part in message.items(key)]
        return turns_of_parts(parts, role, "") or [Turn(role, "")]
    if isinstance(content, dict | int | float) and role in {"tool", "function"}:
        content = json_text(content)
    elif content is not None and not isinstance(content, str):
        raise RowError(f"{message.path}.{key} must be a text, not {kind_name(content)}")
    if content is None and message.has(key):
        content = ""
    message.take(key)
    return [Turn(role, content)]


def _checked_part(message: Fields, part: object) -> Fields:
    if not isinstance(part, dict):
        raise RowError(f"{message.path} holds a part that is not a text")
    return message.inner(part, "content[]")


def _checked_text(message: Fields, *keys: str) -> str | None:
    text = message.text(*keys)
    if text is not None or message.lacks(keys):
        return text
    for key in keys:
        if message.peek(key) is not None:
            raise RowError(
                f"{message.path}.{key} must be a text, not {kind_name(message.peek(key))}"
            )
    return None


def _add_audio(turn: Turn, audio: Fields) -> None:
    """Describe what a model said aloud; its transcript is the text, where there is no other."""
    transcript, data = audio.text("transcript"), audio.text("data")
    if not turn.content:
        turn.content = transcript
    turn.attachments.append(
        attachment_of_base64(data, "audio", text=transcript)
        if data
        else attachment_at(audio.text("id"), "audio", text=transcript)
    )
