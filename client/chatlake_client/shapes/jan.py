"""Jan's `messages.jsonl`: a message of a thread a line.

Sources: janhq/jan, core/src/types/message/messageEntity.ts and thread/threadEntity.ts.
"""

from collections.abc import Iterator

from chatlake_client.conversation import Attachment, Conversation, ToolCall, Turn, last_model
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses, json_text
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.messages import calls_of
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
    return Conversation(turns, agent_id=last_model(turns), ingest_id=thread, created_at=created_at)


def _turns(message: Fields, created_at: str | None) -> list[Turn]:
    message.take("thread_id", "object", "id")
    message.leave("attachments")
    role = message.text("role")
    status = message.text("status")
    if status == "error":
        return []
    metadata = message.nested("metadata")
    turns: list[Turn] = []
    if isinstance(message.peek("content"), str):
        turns.append(Turn(role, message.text("content")))
    for part in message.objects("content"):
        more = (
            _called(part)
            if part.peek("type") == "tool_call"
            else turns_of_parts([part], role, "\n")
        )
        for turn in more:
            if turns and turns[-1].role == turn.role != "tool":
                add_turn(turns[-1], turn)
            else:
                turns.append(turn)
    calls = calls_of(metadata)
    if calls and not turns:
        turns.append(Turn(role))
    if not turns:
        return []
    turns[-1].tool_calls += calls
    model = metadata.label("modelId", "model")
    for turn in turns:
        turn.created_at = created_at
        turn.model = model if turn.role == "assistant" else None
        split_thoughts(turn)
    turns[-1].tool_call_id = turns[-1].tool_call_id or message.label("tool_call_id")
    turns[0].attachments += [
        Attachment("file", ref=file.label("file_id")) for file in message.objects("attachments")
    ]
    if status == "stopped":
        turns[-1].stopped = True
    return [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing]


def _called(part: Fields) -> list[Turn]:
    part.take("type")
    name, id_ = part.label("tool_name"), part.label("tool_call_id")
    arguments, output = part.take("input"), part.take("output")
    call = Turn("assistant", tool_calls=[ToolCall(name or "", json_text(arguments or {}), id_)])
    if output is None:
        return [call]
    return [call, Turn("tool", json_text(output), tool_call_id=id_, name=name)]
