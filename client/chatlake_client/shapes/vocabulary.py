"""The words in which applications and libraries write a message: who speaks, what, when, and which.

OpenAI's words are `role`, `content` and `model`. Others are known here, so that every list of
messages is read alike.

- https://github.com/langchain-ai/langchain, libs/core/langchain_core/messages: `type` and `data`,
  or `lc` and `kwargs`
- https://github.com/vercel/ai, packages/ai/src/ui: `parts`
- https://github.com/enricoros/big-AGI, src/common/chat: `text`, then `fragments`; `originLLM`
- https://github.com/continuedev/continue, core/index.d.ts: `message` beside what the editor adds
- https://github.com/sst/opencode, packages/sdk: `info` and `parts`
- https://github.com/langflow-ai/langflow, src/backend/base/langflow/schema/message.py: `Machine`
- PygmalionAI/PIPPA, its card: `is_human`
"""

from collections.abc import Iterable
from typing import Any, Final

from chatlake_client import jsontext
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import states_something

ROLES: Final = {
    **dict.fromkeys(
        ("user", "human", "prompt", "prompter", "you", "humanmessage", "usermessage", "end_user"),
        "user",
    ),
    **dict.fromkeys(
        (
            *("assistant", "ai", "bot", "model", "gpt", "chatbot", "response", "agent", "llm"),
            *("aimessage", "apimessage", "assistantmessage", "machine", "char"),
            *("character", "myai", "my ai"),
            *("chatgpt", "gemini", "copilot", "grok", "bing", "bard", "khoj", "deepseek"),
        ),
        "assistant",
    ),
    **dict.fromkeys(("system", "developer", "systemmessage", "system_prompt"), "system"),
    **dict.fromkeys(
        (
            *("tool", "function", "toolmessage", "functionmessage", "computer", "observation"),
            *("tool_response", "function_response", "tool_result", "toolresult"),
        ),
        "tool",
    ),
}
"""Words for speakers, in small letters."""
KEPT_ROLES: Final = frozenset(
    {
        *("user", "human", "prompter", "assistant", "gpt", "model", "bot", "ai", "chatbot"),
        *("system", "developer", "tool", "function"),
    }
)
"""Words under `ROLE_KEYS` that stay as they are: those of data sets, which the lake knows."""
ROLE_KEYS: Final = ("role", "from")
OTHER_SPEAKER_KEYS: Final = (
    *("sender", "author", "speaker", "type", "message_type", "messageType", "sender_type"),
    *("senderType", "obj", "by", "who", "event"),
)
"""Keys that tell who speaks if the word under them is one of `ROLES`."""
SPEAKER_OBJECTS: Final = ("author", "sender", "from", "role", "speaker")
"""Keys that may hold an object of which one of `NAMES_OF_SPEAKERS` tells who speaks."""
NAMES_OF_SPEAKERS: Final = ("role", "originalName", "label", "name")
STEP_KEYS: Final = frozenset({"step_id", "models_usage"})
"""Keys of steps in which `source` tells who speaks: Harbor's trajectories, and AutoGen's."""
CURSOR_ID: Final = "bubbleId"
CURSOR_TYPES: Final = {"1": "user", "2": "assistant"}
"""Cursor's numbers for who speaks."""
SPEAKER_FLAGS: Final = {
    **dict.fromkeys(
        (
            "is_human",
            "isHuman",
            "is_user",
            "isUser",
            "src__is_human",
            "fromUser",
            "isCreatedByUser",
            "from_user",
            "isFromUser",
        ),
        ("user", "assistant"),
    ),
    **dict.fromkeys(
        ("is_bot", "isBot", "is_ai", "isAI", "fromBot", "from_bot"), ("assistant", "user")
    ),
}
"""Keys that tell by true and false who speaks, and who speaks then."""
CONTENT_KEYS: Final = ("content", "value")
OTHER_CONTENT_KEYS: Final = (
    *("parts", "contentParts", "fragments", "blocks", "items", "text", "message", "say", "data"),
    *("utterance", "msg", "raw_content", "system_prompt"),
)
"""Keys that hold what is said where no key of `CONTENT_KEYS` does."""
SAYING_KEYS: Final = frozenset({*CONTENT_KEYS, *OTHER_CONTENT_KEYS, "tool_calls"})
TAGS: Final = ("user", "human", "assistant", "agent", "ai", "system", "tool")
WRAPPING_TAGS: Final = frozenset({*TAGS, *(tag.capitalize() for tag in TAGS)})
"""Words for speakers that may be the only key of a message, with the message under it."""
TIME_KEYS: Final = (
    *("created_at", "timestamp", "tstamp", "createdAt", "created", "create_time", "createTime"),
    *("datetime_utc", "sent_at", "sentAt", "time_sent", "inserted_at", "timestamp_ms", "time"),
    *("ts", "date"),
)
MODEL_KEYS: Final = (
    *("model", "model_name", "modelName", "model_slug", "modelId", "model_id", "fromModel"),
    *("originLLM", "modelID", "ModelId"),
)
MODEL_OBJECTS: Final = ("model", "generator", "response_metadata", "meta")
"""Keys of a message whose object may name the model."""
NAMING_KEYS: Final = frozenset({*MODEL_KEYS, *MODEL_OBJECTS})


def is_step(message: Json | Fields) -> bool:
    """Tell whether a message is a step of an agent's trajectory, whose source speaks."""
    keys = set(message.keys())
    source = message.peek("source") if isinstance(message, Fields) else message.get("source")
    return bool(keys & STEP_KEYS) and role_of_word(source) is not None


def role_of_word(word: object) -> str | None:
    """Return the role that a word for a speaker means; None for any other word."""
    return ROLES.get(word.strip(" _").lower()) if isinstance(word, str) else None


def role_told(word: str) -> str:
    """Return what is stored for a word under `ROLE_KEYS`: words of data sets stay as they are."""
    return word if word in KEPT_ROLES else ROLES.get(word.strip(" _").lower(), word)


def speaks(message: Json) -> bool:
    """Tell whether an object says who speaks and what, so that it is a message."""
    if is_model_message(message):
        return True
    inner = unwrapped(message)
    has_speaker = any(isinstance(inner.get(key), str) for key in ROLE_KEYS) or any(
        role_of_word(inner.get(key)) for key in OTHER_SPEAKER_KEYS
    )
    has_speaker = (
        has_speaker
        or is_step(inner)
        or any(isinstance(inner.get(key), bool) for key in SPEAKER_FLAGS)
    )
    return has_speaker and says_something(inner)


def says_something(message: Iterable[str]) -> bool:
    """Tell whether an object, or its keys, have one for what is said."""
    return not SAYING_KEYS.isdisjoint(message)


def is_model_message(message: Json) -> bool:
    """Tell whether an object is a request or a response of Pydantic AI."""
    parts = message.get("parts")
    return (
        message.get("kind") in ("request", "response")
        and isinstance(parts, list)
        and all(isinstance(part, dict) and "part_kind" in part for part in parts)
    )


def unwrapped(message: Json) -> Json:
    """Return a message without the objects that some libraries put around it, or into it."""
    if len(message) == 1 and not message.keys().isdisjoint(WRAPPING_TAGS):
        return _untagged(message)
    first = next(iter(message), "")
    if first[:1].isupper() and all(key[:1].isupper() for key in message):
        message = _camel_case(message)
    if not any(isinstance(value, dict) for value in message.values()):
        packed = message.get("message") or message.get("message_data")
        if not (isinstance(packed, str) and packed.startswith("{")):
            return message
    return _without_objects(_unpacked(message))


def _untagged(message: Json) -> Json:
    """Return a message whose only key tells who speaks, as Rust writes it."""
    ((tag, inner),) = message.items()
    if tag.lower() in TAGS and isinstance(inner, dict):
        return unwrapped({"role": ROLES[tag.lower()], **inner})
    return message


def _camel_case(value: Any) -> Any:
    """Return a value of .NET, whose keys begin with capitals, in the spelling of JavaScript."""
    if isinstance(value, list):
        return [_camel_case(one) for one in value]
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _camel_case(one) for key, one in value.items()}
    return value


def _without_objects(message: Json) -> Json:
    """Return a message with the speaker and the content themselves in the place of objects."""
    for key in SPEAKER_OBJECTS:
        speaker = message.get(key)
        if isinstance(speaker, dict):
            words = [speaker.get(name) for name in NAMES_OF_SPEAKERS]
            if type(speaker.get("role")) is int:
                # Bot Framework's numbers.
                words = ["user" if speaker["role"] else "bot"]
            if role := next(filter(None, map(role_of_word, words)), None):
                # To whom it was said is nobody else, then.
                message = {**_but(message, key, "recipient"), "role": role}
    for key in CONTENT_KEYS:
        content = message.get(key)
        if isinstance(content, dict):
            message = _with_content(message, key, content)
    return message


def _but(message: Json, *keys: str) -> Json:
    return {key: value for key, value in message.items() if key not in keys}


def _with_content(message: Json, key: str, content: Json) -> Json:
    """Return a message with what its content says in the place of the object."""
    parts = content.get("parts")
    if not isinstance(parts, list):
        is_text = isinstance(content.get("text"), str)
        return {**message, key: [{"type": "text", **content}]} if is_text else message
    author = message.get("author")
    message = {**_but(message, key, "author"), **content}
    if isinstance(author, str) and role_of_word(author) is None:
        # Of several agents, the one that speaks.
        message["name"] = author
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) == len(parts):
        message = {**_but(message, "parts"), key: "".join(texts)}
    return message


def _unpacked(message: Json) -> Json:
    """Return a message without the object around it."""
    kind = message.get("type")
    data = message.get("data")
    if isinstance(kind, str) and "." in kind and isinstance(data, dict):
        # Copilot's command line: `user.message`, `tool.execution_complete`.
        speaker = kind.partition(".")[0]
        result = data.get("result")
        if speaker == "tool" and isinstance(result, dict) and "content" in result:
            data = {**data, **result}
        message = {**message, "type": speaker, "data": data}
    kind, data, kwargs = message.get("type"), message.get("data"), message.get("kwargs")
    if isinstance(data, dict) and role_of_word(kind):
        return {**data, "type": kind}
    if isinstance(kwargs, dict) and "lc" in message:
        names = message.get("id")
        return {"type": names[-1] if isinstance(names, list) and names else None, **kwargs}
    info = message.get("info")
    if isinstance(info, dict) and "role" in info and "parts" in message:
        time = info.get("time")
        created_at = time.get("created") if isinstance(time, dict) else None
        return {**info, "created_at": created_at, "parts": message["parts"]}
    inner = _parsed(message.get("message") or message.get("message_data"))
    if isinstance(inner, dict) and "type" in inner and role_of_word(inner["type"]):
        inner = {"role": role_of_word(inner["type"]), **unwrapped(inner)}
    if isinstance(inner, dict) and (any(key in inner for key in ROLE_KEYS) or "author" in inner):
        return {**{key: value for key, value in message.items() if key != "message"}, **inner}
    return message


def _parsed(value: object) -> object:
    """Return the object that a text holds as JSON, as databases keep messages."""
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        try:
            return jsontext.parse_row(value)
        except ValueError:
            return value
    return value


def speaker_of(message: Fields) -> str | None:
    """Take the word for a speaker under a key that isn't OpenAI's; return the role it means."""
    if is_step(message):
        return role_of_word(message.take("source"))
    if message.has(CURSOR_ID) and (role := CURSOR_TYPES.get(str(message.peek("type")))):
        message.take("type", CURSOR_ID)
        return role
    for key in OTHER_SPEAKER_KEYS:
        if role := role_of_word(message.peek(key)):
            message.take(key)
            return role
    for key, (speaker, other) in SPEAKER_FLAGS.items():
        if isinstance(message.peek(key), bool):
            return speaker if message.take(key) else other
    return None


def content_key_of(message: Fields) -> str:
    """Return the key under which a message says something."""
    if message.lacks(OTHER_CONTENT_KEYS):
        return next((key for key in CONTENT_KEYS if message.has(key)), CONTENT_KEYS[0])
    said = [key for key in CONTENT_KEYS if states_something(key, message.peek(key))]
    if not said or is_typed(message.peek("parts")):
        said = [
            key
            for key in OTHER_CONTENT_KEYS
            if isinstance(value := message.peek(key), str | list) and states_something(key, value)
        ] or said
    held = next((key for key in CONTENT_KEYS if message.has(key)), "content")
    return said[0] if said else held


def is_typed(parts: object) -> bool:
    """Tell whether a value is a list of parts that each state their type."""
    return (
        isinstance(parts, list)
        and bool(parts)
        and all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in parts)
    )


def model_of(message: Fields) -> str | None:
    """Take the model that a message names."""
    if message.lacks(NAMING_KEYS):
        return None
    if model := message.label(*MODEL_KEYS):
        return model
    for key in MODEL_OBJECTS:
        if isinstance(message.peek(key), dict):
            return message.nested(key).label("id", "name", "slug", *MODEL_KEYS)
    return None
