"""Reads the calls of tools that a message makes, and what the tools answered beside them.

- OpenAI: `tool_calls` with a `function`, or the older `function_call`
- LangChain: `tool_calls` with `args`; Gemini CLI: `toolCalls` with `args` and `result`
- Vercel's AI SDK before its version 5: `toolInvocations` with `args` and `result`
- ShareGPT: a text of JSON
"""

import json
from typing import Final

from chatlake_client.conversation import ToolCall, Turn
from chatlake_client.shapes.fields import Fields, json_text

CALL_KEYS: Final = ("tool_calls", "toolCalls", "toolInvocations", "toolRequests")
ONE_CALL: Final = "function_call"
CALLING_KEYS: Final = frozenset({*CALL_KEYS, ONE_CALL})
NAME_KEYS: Final = ("name", "toolName", "tool_name", "function_name", "function")
ARGUMENT_KEYS: Final = ("arguments", "input", "parameters", "args")
ID_KEYS: Final = ("id", "toolCallId", "toolUseId", "tool_call_id", "call_id")
RESULTS: Final = "tool_results"
"""Zed's object of the answers of tools."""
OBSERVATION: Final = "observation"
"""What Harbor's trajectories have for the answers of tools."""
RESULT_KEYS: Final = ("result", "output")


def called_in(message: Fields) -> tuple[list[ToolCall], list[Turn]]:
    """Take the calls of a message, and the answers of the tools that stand beside them."""
    calls: list[ToolCall] = []
    answers: list[Turn] = []
    if message.lacks(CALLING_KEYS):
        return calls, answers
    for call in message.objects(*CALL_KEYS):
        calls.append(call_of(call))
        answer = call.take(*RESULT_KEYS)
        if answer is not None:
            text = json_text(_response(answer))
            answers.append(Turn("tool", text, tool_call_id=calls[-1].id, name=calls[-1].name))
    if isinstance(message.peek(ONE_CALL), dict):
        calls.append(call_of(message.nested(ONE_CALL)))
    return calls, answers


def answers_after(message: Fields) -> list[Turn]:
    """Take the answers of tools that came after what a message says."""
    answers: list[Turn] = []
    if message.lacks((OBSERVATION, RESULTS)):
        return answers
    if isinstance(message.peek(OBSERVATION), dict):
        for result in message.nested(OBSERVATION).objects("results"):
            text, called = json_text(result.take("content")), result.label("source_call_id")
            answers.append(Turn("tool", text, tool_call_id=called))
    if not isinstance(message.peek(RESULTS), dict):
        return answers
    for id_, result in message.members(RESULTS).items():
        content = result.take(*RESULT_KEYS) if not result.has("content") else result.take("content")
        if isinstance(content, dict) and len(content) == 1:
            ((_, content),) = content.items()
        result.take("tool_use_id", *RESULT_KEYS)
        result.leave("is_error")
        answers.append(Turn("tool", json_text(content), tool_call_id=id_))
        answers[-1].name = result.label(*NAME_KEYS)
    return answers


def calls_of(message: Fields, key: str = "tool_calls") -> list[ToolCall]:
    """Take the calls of tools that a message makes, which may be JSON in a text."""
    return [call_of(call) for call in message.objects(key)]


def call_of(call: Fields) -> ToolCall:
    """Return the call that an object describes."""
    is_nested = any(isinstance(call.peek(key), dict) for key in ("function", "custom"))
    inner = call.nested("function", "custom") if is_nested else call
    arguments = inner.take(*ARGUMENT_KEYS)
    call.take("type")
    return ToolCall(
        inner.label(*NAME_KEYS) or "",
        json_text({} if arguments is None else arguments),
        call.label(*ID_KEYS),
    )


def _response(answer: object) -> object:
    """Return what a tool answered, without the objects that Gemini puts around one answer."""
    if not (isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], dict)):
        return answer
    inner = answer[0].get("functionResponse")
    return inner.get("response", answer) if isinstance(inner, dict) else answer


def read_call(turn: Turn) -> None:
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
