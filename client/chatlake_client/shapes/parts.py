"""Reads the parts of a message's content, as OpenAI, Anthropic and their kin write them.

- https://github.com/openai/openai-python, src/openai/types/chat and src/openai/types/responses
- https://github.com/anthropics/anthropic-sdk-python, src/anthropic/types
- Hugging Face's chat templates: a part with `type` image, audio or video
- https://github.com/block/goose, crates/goose/src/conversation/message.rs
- https://github.com/sst/opencode, packages/opencode/src/session/message-v2.ts
- https://github.com/deepset-ai/haystack, haystack/dataclasses/chat_message.py, and Bedrock: parts
  without a type, whose only key says it
- https://github.com/microsoft/semantic-kernel, dotnet: `$type` with `Content` at its end
- https://github.com/zed-industries/zed, crates/agent: `Text`, `ToolUse`, `Mention`
"""

from collections.abc import Iterable
from typing import Final

from chatlake_client.conversation import ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.shapes.fields import Fields, json_text
from chatlake_client.shapes.media import attachment_of_base64
from chatlake_client.shapes.part_files import MEDIA

RESULT_TYPES: Final = frozenset(
    {
        *("toolresult", "functioncalloutput", "customtoolcalloutput", "websearchtoolresult"),
        *("webfetchtoolresult", "codeexecutiontoolresult", "bashcodeexecutiontoolresult"),
        *("texteditorcodeexecutiontoolresult", "mcptoolresult", "toolresponse", "toolcallresult"),
        *("toolcallresponse", "functionresponse", "functionresult"),
    }
)
"""Types of parts that hold what a tool answered, as `plain_kind` writes them."""
CALL_TYPES: Final = frozenset(
    {
        *("tooluse", "servertooluse", "mcptooluse", "functioncall", "customtoolcall", "toolcall"),
        *("dynamictool", "toolinvocation", "toolrequest", "toolcallrequest"),
    }
)
"""Types of parts that call a tool, as `plain_kind` writes them."""
TOOL_PART: Final = "tool-"
"""The beginning of the types of parts in which Vercel's AI SDK has a call and its answer."""
CALL_ID_KEYS: Final = (
    *("tool_use_id", "call_id", "tool_call_id", "toolCallId", "toolUseId", "toolUseID", "callId"),
)
NAME_KEYS: Final = ("name", "toolName", "tool_name", "functionName")
WRAPPED_CALLS: Final = {"toolRequest": "toolCall", "toolResponse": "toolResult"}
"""Parts of Goose, and the object with the status and the value of each."""
RUN_TOOL: Final = "tool"
"""OpenCode's part with a call and its answer, in an object with the state."""
BUILT_IN_CALL: Final = "_call"
TEXT_TYPES: Final = frozenset({"text", "inputtext", "outputtext", "summarytext", "refusal"})
THOUGHT_TYPES: Final = frozenset({"thinking", "reasoning", "reasoningtext", "think", "thought"})
"""Types of parts with texts and with thoughts, as `plain_kind` writes them."""
TYPE_KEYS: Final = ("type", "pt", "$type", "block_type")
# What the model thought and only its maker can read, and marks that hold no text.
SILENT_TYPES: Final = frozenset(
    {"redacted_thinking", "token_budget", "flag", "step-start", "step-finish", "cachePoint"}
)


def turns_of_parts(parts: Iterable[Fields], role: str | None, joint: str) -> list[Turn]:
    """Return the turns that the parts of one message become.

    A tool's answer is a turn of its own, and what follows it in the same message is another one.

    Args:
        parts: The parts.
        role: Who speaks.
        joint: What stands between the texts of one turn.

    Raises:
        RowError: A part states no type, or holds no text where it should.
    """
    turns: list[Turn] = []
    open_turn: Turn | None = None
    for stated in parts:
        part, kind = _opened(stated)
        if kind in SILENT_TYPES:
            part.leave("data")
        elif plain_kind(kind) in RESULT_TYPES:
            turns.append(_result(part))
            open_turn = None
        else:
            if open_turn is None:
                open_turn = Turn(role)
                turns.append(open_turn)
            _add(open_turn, part, kind, joint)
            if result := _own_result(open_turn, part, kind):
                turns.append(result)
                open_turn = None
    return [turn for turn in turns if turn.content is not None or not turn.shows_nothing]


def add_turn(turn: Turn, more: Turn) -> None:
    """Add what another turn says to a turn of the same speaker."""
    turn.content = joined(turn.content, more.content, "\n")
    turn.reasoning = joined(turn.reasoning, more.reasoning, "\n")
    turn.tool_calls += more.tool_calls
    turn.attachments += more.attachments
    turn.created_at = turn.created_at or more.created_at


def joined(before: str | None, text: str | None, joint: str) -> str | None:
    """Return two texts joined; either may be empty or missing, and then adds nothing."""
    if before and text:
        return before + joint + text
    return before or text if text is not None else before


def plain_kind(kind: str) -> str:
    """Return the type of a part as all libraries would write it: `tool_use` and `ToolUse` are one.

    .NET and Bedrock write `Content` behind it.
    """
    return kind.replace("_", "").replace("-", "").lower().removesuffix("content")


def _opened(part: Fields) -> tuple[Fields, str]:
    """Return what a part holds, without the object around it, and its type."""
    if isinstance(part.peek("part"), dict):
        # big-AGI's fragments.
        part.leave("ft", "fId")
        part = part.nested("part")
    kind = part.text(*TYPE_KEYS) or ""
    if kind in WRAPPED_CALLS:
        return _unwrapped_call(part, kind), kind
    if kind == RUN_TOOL and isinstance(part.peek("state"), dict):
        state = part.nested("state")
        call = {"name": part.label("tool"), "id": part.label("callID")}
        stated = {key: state.take(key) for key in ("input", "output")}
        errors = {"errorText": state.take("error")}
        return part.inner({**call, **stated, **errors}, "state"), "tool-call"
    if isinstance(part.peek("toolInvocation"), dict):
        return part.nested("toolInvocation"), kind
    if not kind:
        return _untyped(part)
    is_wrapped = plain_kind(kind) in CALL_TYPES | RESULT_TYPES and isinstance(part.peek(kind), dict)
    return (part.nested(kind) if is_wrapped else part), kind


def _untyped(part: Fields) -> tuple[Fields, str]:
    """Return a part that states no type: its text, or what its only key says, which is the type."""
    keys = part.keys()
    kind = next((key for key in ("text", *MEDIA) if key in keys), "")
    if kind or len(keys) != 1:
        return part, kind
    (kind,) = keys
    if isinstance(part.peek(kind), dict):
        return part.nested(kind), kind
    if plain_kind(kind) in TEXT_TYPES:
        return part.inner({"text": part.take(kind)}, kind), kind
    return part, ""


def _unwrapped_call(part: Fields, kind: str) -> Fields:
    """Return a call or an answer of Goose as others write it."""
    stated = part.nested(WRAPPED_CALLS[kind])
    id_ = part.label("id")
    if kind == "toolResponse":
        content = stated.take("value", "error")
        return part.inner({"tool_use_id": id_, "content": content}, WRAPPED_CALLS[kind])
    value = stated.nested("value")
    call = {"id": id_, "name": value.label("name"), "arguments": value.take("arguments")}
    return part.inner(call, WRAPPED_CALLS[kind])


def _add(turn: Turn, part: Fields, kind: str, joint: str) -> None:
    plain = plain_kind(kind)
    if plain in TEXT_TYPES:
        turn.content = joined(turn.content, _text(part), joint)
    elif plain in THOUGHT_TYPES:
        turn.reasoning = joined(turn.reasoning, _thought(part), "\n")
    elif plain in CALL_TYPES or kind.startswith(TOOL_PART):
        turn.tool_calls.append(_call(part, kind))
    elif kind.endswith(BUILT_IN_CALL):
        turn.tool_calls.append(_built_in_call(part, kind.removesuffix(BUILT_IN_CALL)))
    elif kind in MEDIA:
        turn.attachments.append(MEDIA[kind](part))
    elif kind and (text := part.text("text")) is not None:
        turn.content = joined(turn.content, text, joint)
    elif kind:
        part.lose(f"part of the type {kind}")
    else:
        raise RowError(f"{part.path} holds a part that is not a text")


def _text(part: Fields) -> str:
    # Jan and OpenAI's assistants have an object with the text and its annotations.
    inner = part.nested("text") if isinstance(part.peek("text"), dict) else part
    text = inner.text("text", "value", "refusal", "content")
    if text is None:
        raise RowError(f"{part.path} holds a part that is not a text")
    return text


def _thought(part: Fields) -> str | None:
    texts = [item.text("text", "content") for item in part.objects("summary")]
    if not texts:
        texts = [item.text("text", "content") for item in part.objects("content")]
    wrapper = next((k for k in ("text", "reasoningText") if isinstance(part.peek(k), dict)), None)
    inner = part.nested(wrapper) if wrapper else part
    texts.append(inner.text("thinking", "reasoning", "think", "text", "value", "content"))
    part.leave("summaries")
    found = [text for text in texts if text]
    return "\n".join(found) if found else None


def _call(part: Fields, kind: str) -> ToolCall:
    if isinstance(part.peek("function"), dict):
        part = part.inner({"id": part.label("id"), **part.nested("function").rest()}, "function")
    name = part.label(*NAME_KEYS) or kind.partition(TOOL_PART)[2]
    arguments = part.take("input", "arguments", "args")
    own_id = part.label("id", "toolCallId", "toolUseId", "tool_call_id")
    part.leave("state", "raw_input")
    return ToolCall(
        name, json_text({} if arguments is None else arguments), part.label("call_id") or own_id
    )


def _built_in_call(part: Fields, name: str) -> ToolCall:
    """Read the call of a tool that a service runs itself, such as OpenAI's `web_search_call`."""
    arguments = part.take("arguments", "action", "queries", "code", "input")
    return ToolCall(part.label("name") or name, json_text(arguments or {}), part.label("id"))


def _own_result(turn: Turn, part: Fields, kind: str) -> Turn | None:
    """Read what a tool answered that a service ran itself, beside the call."""
    is_call = plain_kind(kind) in CALL_TYPES or kind.startswith(TOOL_PART)
    if not (is_call or kind.endswith(BUILT_IN_CALL)):
        return None
    if not is_call and (image := part.text("result")):
        turn.attachments.append(attachment_of_base64(image, "image"))
    answer = part.take("output", "outputs", "results", "result", "errorText")
    if not answer:
        return None
    call = turn.tool_calls[-1]
    return Turn("tool", json_text(answer), tool_call_id=call.id, name=call.name)


def _result(part: Fields) -> Turn:
    called = part.nested("origin") if "origin" in part else part
    turn = Turn("tool", name=called.label(*NAME_KEYS))
    turn.tool_call_id = called.label(*CALL_ID_KEYS) or called.label("id")
    part.leave("is_error", "isError", "status", "cache_control", "error")
    called.leave("arguments")
    content = _answer(part.take("content", "output", "result", "response"))
    if content is None and isinstance(part.peek("run"), dict):
        # Amp's.
        content = part.nested("run").take("result")
    if content is None and set(part.keys()).difference(part.harmless):
        part.lose("what a tool answered")
    if not (isinstance(content, list) and all(map(_is_shown, content))):
        # A service's own tool answers with objects of its own.
        turn.content = "" if content is None else json_text(content)
        return turn
    turn.content = ""
    for inner in turns_of_parts([part.inner(item, "content[]") for item in content], "tool", "\n"):
        turn.content = joined(turn.content, inner.content, "\n")
        turn.attachments += inner.attachments
    return turn


def _answer(content: object) -> object:
    """Return what a tool answered, without the object that newer versions of Vercel's SDK have."""
    if isinstance(content, dict) and content.keys() == {"type", "value"}:
        return content["value"]
    return content


def _is_shown(part: object) -> bool:
    """Tell whether a part of a tool's answer is a text or a file."""
    if not isinstance(part, dict):
        return False
    kind = part.get("type", "text")
    has_text = any(isinstance(part.get(key), str) for key in ("text", "refusal"))
    return isinstance(kind, str) and (has_text or (kind in MEDIA))
