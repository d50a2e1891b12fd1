"""Reads messages of OpenAI and its kin, and rows of data sets that hold a list of them.

- https://github.com/openai/openai-python, src/openai/types/chat
- https://github.com/ollama/ollama, docs/api.md: `images`
- https://huggingface.co/docs/transformers/chat_templating: `tool_calls`, `thinking`, and `tools`
  beside the messages
- https://github.com/hiyouga/LLaMA-Factory, data/README.md: ShareGPT's `from` and `value`, with
  `system` and `tools` beside them; `kto_tag`
- https://github.com/huggingface/trl, docs/source/dataset_formats.md: `label` beside the messages
- chatlake's own rows: docs/api.md there
"""

from dataclasses import replace
from typing import Final, TypeGuard

from chatlake_client import jsontext
from chatlake_client.conversation import Application, Conversation, Turn, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.calls import called_in, read_call
from chatlake_client.shapes.fields import Fields, is_true, json_text, kind_name
from chatlake_client.shapes.files import files_of
from chatlake_client.shapes.gemini import turns_of_content
from chatlake_client.shapes.labels import other_labels, stated_labels
from chatlake_client.shapes.meaning import Level, states_something
from chatlake_client.shapes.media import attachment_at, attachment_of_base64
from chatlake_client.shapes.parts import turns_of_parts
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_of
from chatlake_client.shapes.vocabulary import (
    MODEL_KEYS,
    ROLE_KEYS,
    TIME_KEYS,
    content_key_of,
    is_typed,
    model_of,
    speaker_of,
    unwrapped,
)

ONE: Final = "conversation"
TURN_LISTS: Final = (ONE, "messages", "conversations")
EXCHANGES: Final = {
    frozenset(pair): pair
    for pair in (
        *(("input", "output"), ("question", "answer"), ("prompt", "response")),
        *(("human", "assistant"), ("user", "assistant"), ("instruction", "output")),
    )
}
"""Keys of a question and its answer in one element of a list."""
SYSTEM_KEYS: Final = ("system", "system_prompt", "system_message", "systemPrompt")
REASONING_KEYS: Final = ("reasoning_content", "reasoning", "thinking")
ROW_MODEL_OBJECTS: Final = ("config", "metadata", "settings")
"""Keys of a row whose object may name the model of all turns."""
PLAIN_KEYS: Final = 2
"""How many keys most messages have: a speaker and a text."""
IMAGE_KEYS: Final = ("image", "images")
IMAGE_MARK: Final = "<image>"
LABEL_KEYS: Final = ("label", "kto_tag")
TOOL_SPEAKERS: Final = frozenset({"observation", "tool_response", "function_response"})
CALLING_SPEAKERS: Final = frozenset({"function_call", "tool_call"})
OTHER_SPEAKERS: Final = TOOL_SPEAKERS | CALLING_SPEAKERS
"""ShareGPT's words for speakers that are no people and no models."""
FIELDS: Final = {
    "agent_id": "agent_id",
    "ingest_id": "ingest_id",
    "source": "source",
    "submitter_id": "submitter_id",
    "network/attribution": "attribution",
    "attribution": "attribution",
    "prompt_template": "prompt_template",
    "chat_template": "chat_template",
    "title": "title",
    "licence": "licence",
    "license": "licence",
}
"""Texts that a row may state beside the turns, and the fields of the conversation for them."""


def is_messages(row: Json) -> bool:
    """Tell whether a row holds a list of messages."""
    return any(row.get(key) is not None for key in TURN_LISTS)


def read_messages(row: Fields) -> Conversation:
    """Return the conversation of a row that holds a list of messages."""
    key = next(key for key in TURN_LISTS if key in row)
    turns = turns_of(row, key)
    rate_by_label(row, turns)
    if not row.lacks(IMAGE_KEYS):
        add_images(row, turns)
    return conversation_of(row, turns)


def add_images(row: Fields, turns: list[Turn]) -> None:
    """Put the images beside the turns to the marks in their texts, if there are as many marks."""
    for key in IMAGE_KEYS:
        value = row.peek(key)
        images = [value] if isinstance(value, str) else value
        marked = [turn for turn in turns for _ in range((turn.content or "").count(IMAGE_MARK))]
        if (
            isinstance(images, list)
            and len(images) == len(marked)
            and all(isinstance(image, str) and image for image in images)
        ):
            row.take(key)
            for turn, image in zip(marked, images, strict=True):
                turn.attachments.append(attachment_at(image, "image"))


def conversation_of(row: Fields, turns: list[Turn]) -> Conversation:
    """Return a conversation with all that a row of a data set states beside the turns.

    What else the row states is taken last, as labels.
    """
    conversation = Conversation(turns)
    for key in row.keys():  # noqa: SIM118  # a copy, since keys are taken
        if (field := FIELDS.get(key)) and getattr(conversation, field) is None:
            setattr(conversation, field, row.label(key))
    if row.keys():
        _add_rest(row, conversation)
    conversation.agent_id = conversation.agent_id or last_model(turns)
    return conversation


def _add_rest(row: Fields, conversation: Conversation) -> None:
    add_system(row, conversation.turns)
    conversation.agent_id = (
        conversation.agent_id
        or agent_of(conversation.turns, row, *MODEL_KEYS, "generator")
        or _model_within(row)
    )
    conversation.created_at = time_of(row, *TIME_KEYS)
    conversation.tools = tools_of(row)
    conversation.client = _client(row)
    conversation.labels = {**stated_labels(row), **other_labels(row)}


def _model_within(row: Fields) -> str | None:
    for key in ROW_MODEL_OBJECTS:
        value = row.peek(key)
        if isinstance(value, dict) and any(isinstance(value.get(name), str) for name in MODEL_KEYS):
            return row.nested(key).label(*MODEL_KEYS)
    return None


def _client(row: Fields) -> Application | None:
    client = row.peek("client")
    if not (isinstance(client, dict) and isinstance(client.get("name"), str)):
        return None
    inner = row.nested("client")
    return Application(inner.text("name") or "", inner.label("version"))


def add_system(row: Fields, turns: list[Turn]) -> None:
    """Put a system prompt that stands beside the turns before them, unless it is there."""
    system = row.label(*SYSTEM_KEYS)
    if system is None and isinstance(row.peek("system"), list):
        parts = turns_of_parts(row.objects("system"), "system", "\n")
        system = parts[0].content if parts else None
    if system and not (turns and turns[0].content == system):
        turns.insert(0, Turn("system", system))


def tools_of(row: Fields) -> str | None:
    """Take the definitions of tools, as JSON text; None when there are none."""
    for key in ("tools", "functions"):
        if states_something(key, row.peek(key)):
            return json_text(row.take(key))
    return None


def rate_by_label(row: Fields, turns: list[Turn]) -> None:
    """Make a label of KTO the rating of the last turn."""
    for key in LABEL_KEYS:
        label = row.peek(key)
        if label is None:
            continue
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
    value = _rows_of_columns(value)
    if not isinstance(value, list):
        raise RowError(f"{keys[0]} must be a list, not {kind_name(value)}")
    return turns_of_list(row, value, keys[0])


def _rows_of_columns(value: object) -> object:
    """Return a list of messages that is held as one list for each of their keys, as rows."""
    if not (isinstance(value, dict) and value and all(isinstance(v, list) for v in value.values())):
        return value
    columns = list(value.values())
    if any(len(column) != len(columns[0]) for column in columns):
        return value
    return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]


def turns_of_list(row: Fields, messages: list[object], key: str) -> list[Turn]:
    """Return the turns of a list of messages."""
    turns: list[Turn] = []
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            raise RowError(f"{key}[{place}] must be an object, not {kind_name(message)}")
        if turn := _plain_turn(message):
            turns.append(turn)
        elif exchange := _exchange(message):
            turns += exchange
        else:
            turns += turns_of_message(row.inner(unwrapped(message), f"{key}[]", Level.TURN))
    return turns


def _exchange(message: Json) -> list[Turn]:
    """Return the two turns of an element that holds a question and its answer, and nothing else."""
    keys = EXCHANGES.get(frozenset(message)) if len(message) == PLAIN_KEYS else None
    asked, answered = (message[key] for key in keys) if keys else (None, None)
    if not (isinstance(asked, str) and isinstance(answered, str)):
        return []
    return [Turn("user", asked), Turn("assistant", answered)]


def _plain_turn(message: Json) -> Turn | None:
    """Return the turn of a message that tells who speaks and what, and nothing else.

    Most messages of data sets are such, and nothing of them can be lost.
    """
    if len(message) != PLAIN_KEYS:
        return None
    role = message.get("role") or message.get("from")
    content = message.get("content") or message.get("value")
    if type(role) is not str or type(content) is not str or role in OTHER_SPEAKERS:
        return None
    turn = Turn(role, content)
    split_thoughts(turn)
    return turn


def turns_of_message(message: Fields) -> list[Turn]:
    """Return the turns of a message: several where a tool's answer stands inside it."""
    role = _checked_text(message, *ROLE_KEYS)
    if role is None:
        role = speaker_of(message)
    turns = _turns_of_content(message, role)
    if role in CALLING_SPEAKERS:
        read_call(turns[-1])
    if not message.keys():
        split_thoughts(turns[-1])
        return turns
    # Of several turns, the first ones are tools' answers; what the message says is the last one's.
    turn = turns[-1]
    reasoning = message.label(*REASONING_KEYS) or _thoughts(message)
    turn.reasoning = reasoning or turn.reasoning
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
    turn.rating = _checked_text(message, "rating")
    turn.edited_content = _checked_text(message, "edited_content")
    stopped = message.take("stopped")
    turn.stopped = None if stopped is None else is_true(stopped)
    turn.attachments += files_of(message)
    turn.alternatives = _alternatives(message)
    if isinstance(message.peek("audio"), dict):
        _add_audio(turn, message.nested("audio"))
    if turn.name and turn.name == turn.role:
        turn.name = None
    split_thoughts(turn)
    return _with_answers(turns, answers)


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


def _alternatives(message: Fields) -> list[list[Turn]]:
    """Take the alternatives that chatlake's own turns have: lists of turns."""
    others = message.peek("alternatives")
    if not isinstance(others, list) or not all(map(_are_objects, others)):
        return []
    lists = message.items("alternatives")
    return [
        turns_of_list(message, list(other), "alternatives[]")
        for other in lists
        if _are_objects(other)
    ]


def _are_objects(values: object) -> TypeGuard[list[Json]]:
    return isinstance(values, list) and bool(values) and all(isinstance(v, dict) for v in values)


def _turns_of_content(message: Fields, role: str | None) -> list[Turn]:
    key = content_key_of(message)
    content = message.peek(key)
    if key == "parts" and isinstance(content, list) and not is_typed(content):
        return turns_of_content(message, role) or [Turn(role, "")]
    if role in TOOL_SPEAKERS:
        role = "tool"
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
    for key in keys:
        if text is None and message.peek(key) is not None:
            raise RowError(
                f"{message.path}.{key} must be a text, not {kind_name(message.peek(key))}"
            )
    return text


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
