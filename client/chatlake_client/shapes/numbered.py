"""Messages that tracers write as attributes with numbers in their names.

`gen_ai.prompt.0.role` and `gen_ai.completion.0.content` are OpenLLMetry's, and
`llm.input_messages.0.message.content` OpenInference's; both may also be nested objects and lists.
They become the messages of OpenTelemetry's conventions.

Sources: traceloop/openllmetry, packages/opentelemetry-semantic-conventions-ai;
Arize-ai/openinference, spec/semantic_conventions.md.
"""

import re
from collections import deque
from typing import Final

from chatlake_client.records import Json

_NUMBERED: Final = re.compile(
    r"(gen_ai\.prompt|gen_ai\.completion|llm\.input_messages|llm\.output_messages)"
    r"\.(\d{1,9})\.(?:message\.)?(.+)"
)
_TOOL_CALL: Final = re.compile(
    r"tool_calls\.(\d{1,9})\.(?:tool_call\.)?(?:function\.)?(id|name|arguments)"
)
_CONTENT: Final = re.compile(r"contents\.\d+\.(?:message_content\.)?text")
INPUTS: Final = frozenset({"gen_ai.prompt", "llm.input_messages"})
MODEL: Final = "llm.model_name"


def has_numbered(attributes: Json) -> bool:
    """Tell whether attributes hold messages in this way."""
    return any(map(_NUMBERED.fullmatch, _flat(attributes)))


def numbered_messages(attributes: Json) -> tuple[list[Json], list[Json], Json]:
    """Return what was asked, what was answered, and the other attributes, by their whole names."""
    asked: dict[int, Json] = {}
    answered: dict[int, Json] = {}
    others: Json = {}
    for name, value in _flat(attributes).items():
        if found := _NUMBERED.fullmatch(name):
            side = asked if found[1] in INPUTS else answered
            side.setdefault(int(found[2]), {})[found[3]] = value
        else:
            others[name] = value
    inputs, outputs = (
        [_message(side[number]) for number in sorted(side)] for side in (asked, answered)
    )
    return inputs, outputs, others


def _flat(attributes: Json) -> Json:
    """Return attributes by their whole names, joined by dots."""
    flat: Json = {}
    waiting: deque[tuple[str, object]] = deque(attributes.items())
    while waiting:
        name, value = waiting.popleft()
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}", inner) for key, inner in value.items()]
        elif isinstance(value, list) and all(isinstance(inner, dict) for inner in value):
            waiting += [(f"{name}.{place}", inner) for place, inner in enumerate(value)]
        else:
            flat[name] = value
    return flat


def _message(stated: Json) -> Json:
    parts: list[Json] = []
    calls: dict[int, Json] = {}
    message: Json = {}
    for key, value in stated.items():
        if call := _TOOL_CALL.fullmatch(key):
            calls.setdefault(int(call[1]), {"type": "tool_call"})[call[2]] = value
        elif key == "content" or _CONTENT.fullmatch(key):
            parts.append({"type": "text", "content": value})
        elif value is not None:
            message[key] = value
    id_ = message.get("tool_call_id")
    if id_ is not None and len(parts) == 1:
        del message["tool_call_id"]
        parts = [{"type": "tool_call_response", "id": id_, "response": parts[0]["content"]}]
    return {**message, "parts": [*parts, *(calls[number] for number in sorted(calls))]}
