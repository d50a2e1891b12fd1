"""LM Studio's conversation files: messages with versions, of which one is selected.

Sources: ispaure/migration-chatgpt-to-lmstudio, Python/lm_export.py, and files met in public
importers.
"""

from chatlake_client.conversation import Application, Attachment, Conversation, ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields, json_text
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.parts import joined
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_text

SYSTEM_PROMPT = "llm.prediction.systemPrompt"
STOPPED = "userStopped"


def is_lmstudio(row: Json) -> bool:
    """Tell whether a row is a conversation of LM Studio."""
    messages = row.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    return (isinstance(first, dict) and isinstance(first.get("versions"), list)) or (
        isinstance(messages, list) and "lastUsedModel" in row
    )


def read_lmstudio(row: Fields) -> Conversation:
    """Return the conversation of the selected versions."""
    turns: list[Turn] = []
    for message in row.objects("messages", level=Level.TURN):
        turns += _selected(message)
    if not turns:
        raise RowError("no messages")
    system = _system_prompt(row) or row.label("systemPrompt")
    if system:
        turns.insert(0, Turn("system", system))
    return Conversation(
        turns,
        agent_id=agent_of(turns, row.nested("lastUsedModel"), "identifier"),
        created_at=time_text(row.take("createdAt")),
        title=row.label("name"),
        client=Application("LM Studio"),
    )


def _system_prompt(row: Fields) -> str | None:
    for field in row.nested("perChatPredictionConfig").objects("fields"):
        if field.peek("key") == SYSTEM_PROMPT:
            field.take("key")
            return field.label("value")
    return None


def _selected(message: Fields) -> list[Turn]:
    versions = [_turns(version) for version in message.objects("versions")]
    place = message.take("currentlySelected")
    if not isinstance(place, int) or not 0 <= place < len(versions):
        place = -1
    selected = versions.pop(place) if versions else []
    others = [turns for turns in versions if turns]
    if not selected:
        return others.pop(0) if others else []
    selected[0].alternatives += others
    return selected


def _turns(version: Fields) -> list[Turn]:
    role = version.text("role") or "user"
    sender = version.nested("senderInfo").label("senderName")
    turns: list[Turn] = [Turn(role)]
    if version.text("type") == "multiStep":
        for step in version.objects("steps"):
            _add_step(turns, step, role)
    else:
        _add_content(turns, version, role)
    for turn in turns:
        if turn.role == "assistant":
            turn.model = turn.model or sender
        split_thoughts(turn)
    return [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing]


def _add_step(turns: list[Turn], step: Fields, role: str) -> None:
    if step.text("type") != "contentBlock":
        return
    info = step.nested("genInfo")
    model = info.label("identifier", "indexedModelIdentifier")
    is_stopped = info.nested("stats").text("stopReason") == STOPPED
    if step.nested("style").text("type") == "thinking":
        thought = Turn(role)
        _add_content([thought], step, role)
        turn = _open_turn(turns, role)
        turn.reasoning = joined(turn.reasoning, thought.content, "\n")
    else:
        _add_content(turns, step, step.text("role") or role)
    last = turns[-1]
    last.model = model if model and last.role == "assistant" else last.model
    last.stopped = True if is_stopped else last.stopped


def _add_content(turns: list[Turn], block: Fields, role: str) -> None:
    for part in block.objects("content"):
        kind = part.text("type")
        if kind == "file":
            _open_turn(turns, role).attachments.append(_file(part))
        elif kind == "toolCallRequest":
            turn = _open_turn(turns, "assistant")
            arguments = part.take("parameters", "arguments")
            id_ = part.label("toolCallRequestId", "callId", "id")
            turn.tool_calls.append(
                ToolCall(part.label("name") or "", json_text(arguments or {}), id_)
            )
        elif kind == "toolCallResult":
            content = part.take("content")
            turns.append(
                Turn("tool", json_text(content), tool_call_id=part.label("toolCallId", "callId"))
            )
        else:
            turn = _open_turn(turns, role)
            turn.content = joined(turn.content, part.text("text"), "\n")


def _open_turn(turns: list[Turn], role: str) -> Turn:
    if turns[-1].role != role:
        turns.append(Turn(role))
    return turns[-1]


def _file(part: Fields) -> Attachment:
    kind, size = part.text("fileType"), part.take("sizeBytes")
    return Attachment(
        kind if kind in {"image", "audio", "video"} else "file",
        name=part.label("name", "fileName"),
        bytes=size if isinstance(size, int) else None,
        ref=part.label("fileIdentifier"),
    )
