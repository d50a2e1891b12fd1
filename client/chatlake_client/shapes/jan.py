"""Jan's `messages.jsonl`: a message of a thread a line.

Sources: janhq/jan, core/src/types/message/messageEntity.ts and thread/threadEntity.ts.
"""

from collections.abc import Iterator

from chatlake_client.conversation import (
    Application,
    Attachment,
    Conversation,
    ToolCall,
    Turn,
    last_model,
)
from chatlake_client.records import Json
from chatlake_client.shapes.calls import calls_of
from chatlake_client.shapes.fields import Fields, Losses, json_text
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.parts import add_turn, turns_of_parts
from chatlake_client.shapes.shape import Thread
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_text

THREAD_MESSAGE = "thread.message"


def is_jan(row: Json) -> bool:
    """Tell whether a row is a message of a thread."""
    return row.get("object") == THREAD_MESSAGE and "thread_id" in row


def parts_of_jan(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the message with the id of its thread."""
    yield str(row["thread_id"]), row


def read_jan(messages: list[Json], losses: Losses) -> Conversation:
    """Return the conversation of a thread, in the order in which its messages were written."""
    rows = [losses.open(message, "messages[]", Level.TURN) for message in messages]
    times = [time_text(row.take("created_at")) for row in rows]
    thread = rows[0].label("thread_id")
    ordered = sorted(zip(times, rows, strict=True), key=lambda pair: (pair[0] or "").rstrip("Z"))
    turns: list[Turn] = []
    for created_at, row in ordered:
        turns += _turns(row, created_at)
    created_at = turns[0].created_at if turns else None
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=thread,
        created_at=created_at,
        client=Application("Jan"),
    )


def _turns(message: Fields, created_at: str | None) -> list[Turn]:
    message.take("thread_id", "object", "id")
    role, status = message.text("role"), message.text("status")
    if status == "error":
        return []
    metadata = message.nested("metadata")
    turns = _turns_of_content(message, role)
    calls = calls_of(metadata)
    files = [
        Attachment("file", ref=file.label("file_id")) for file in message.objects("attachments")
    ]
    if (calls or files) and not turns:
        turns = [Turn(role)]
    model, call_id = metadata.label("modelId", "model"), message.label("tool_call_id")
    for turn in turns:
        turn.created_at = created_at
        turn.model = model if turn.role == "assistant" else None
        split_thoughts(turn)
    if turns:
        turns[0].attachments += files
        turns[-1].tool_calls += calls
        turns[-1].tool_call_id = turns[-1].tool_call_id or call_id
        turns[-1].stopped = status == "stopped" or None
    return [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing]


def _turns_of_content(message: Fields, role: str | None) -> list[Turn]:
    if isinstance(message.peek("content"), str):
        return [Turn(role, message.text("content"))]
    turns: list[Turn] = []
    for part in message.objects("content"):
        is_call = part.peek("type") == "tool_call"
        for turn in _called(part) if is_call else turns_of_parts([part], role, "\n"):
            if turns and turns[-1].role == turn.role != "tool":
                add_turn(turns[-1], turn)
            else:
                turns.append(turn)
    return turns


def _called(part: Fields) -> list[Turn]:
    part.take("type")
    name, id_ = part.label("tool_name"), part.label("tool_call_id")
    arguments, output = part.take("input"), part.take("output")
    call = Turn("assistant", tool_calls=[ToolCall(name or "", json_text(arguments or {}), id_)])
    if output is None:
        return [call]
    return [call, Turn("tool", json_text(output), tool_call_id=id_, name=name)]
