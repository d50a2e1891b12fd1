"""Chainlit's threads: steps, of which some are messages.

Source: Chainlit/chainlit, backend/chainlit/step.py (StepDict) and types.py (ThreadDict, Feedback).
"""

from typing import Final

from chatlake_client.conversation import Application, Conversation, ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.times import time_text

ROLES: Final = {
    "user_message": "user",
    "assistant_message": "assistant",
    "system_message": "system",
}
TOOL: Final = "tool"
RATINGS: Final = {1: "positive", 0: "negative"}


def is_chainlit(row: Json) -> bool:
    """Tell whether a row is a thread."""
    steps = row.get("steps")
    return isinstance(steps, list) and any(
        isinstance(step, dict) and step.get("type") in (*ROLES,) for step in steps
    )


def read_chainlit(row: Fields) -> Conversation:
    """Return the messages of a thread, and its calls of tools; other steps are the program's own.

    Raises:
        RowError: No step is a message.
    """
    turns: list[Turn] = []
    for step in row.objects("steps", level=Level.TURN):
        turns += _turns(step)
    if not turns:
        raise RowError("no message is left")
    return Conversation(
        turns,
        ingest_id=row.label("id"),
        created_at=time_text(row.take("createdAt")),
        title=row.label("name"),
        client=Application("Chainlit"),
    )


def _turns(step: Fields) -> list[Turn]:
    kind, name = step.text("type") or "", step.label("name")
    step.leave("parentId", "isError", "input")
    created_at = time_text(step.take("createdAt"))
    if kind == TOOL:
        id_ = step.label("id")
        call = ToolCall(name or "", step.text("input") or "{}", id_)
        called = Turn("assistant", tool_calls=[call], created_at=created_at)
        return [called, Turn(TOOL, step.text("output") or "", tool_call_id=id_, name=name)]
    if kind not in ROLES:
        step.leave("output")
        step.lose(f"step of the type {kind}", is_meant=False)
        return []
    turn = Turn(ROLES[kind], step.text("output") or "", created_at=created_at)
    if isinstance(step.peek("feedback"), dict):
        value = step.nested("feedback").take("value")
        turn.rating = RATINGS.get(value) if isinstance(value, int) else None
    return [] if turn.shows_nothing else [turn]
