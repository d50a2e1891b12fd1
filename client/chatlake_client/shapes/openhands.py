"""Trajectories of OpenHands: events, each an action or what came of one.

Source: All-Hands-AI/OpenHands, openhands/events and frontend/src/types/core.
"""

from collections.abc import Iterator
from typing import Final

from chatlake_client.conversation import Application, Conversation, ToolCall, Turn, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses, json_text
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.shape import OF_THE_FILE, Thread
from chatlake_client.shapes.times import time_of

SOURCES: Final = ("user", "agent", "environment")
SYSTEM: Final = "system"
SPOKEN: Final = frozenset({"message", "finish", "reject", "think", SYSTEM})
"""Actions that say something, and call no tool."""
SILENT: Final = frozenset({"recall", "change_agent_state", "condensation", "null", ""})
"""Actions that are OpenHands's own."""
SILENT_OBSERVATIONS: Final = frozenset({"agent_state_changed", "recall", "null", "think", ""})
TEXT_KEYS: Final = ("content", "final_thought", "thought")
CALL: Final = "tool_call_metadata"


def is_openhands(row: Json) -> bool:
    """Tell whether a row is an event of OpenHands."""
    if row.get("source") not in SOURCES:
        return False
    is_action = isinstance(row.get("action"), str) and isinstance(row.get("args"), dict)
    return is_action or (isinstance(row.get("observation"), str) and "extras" in row)


def parts_of_openhands(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield an event in which somebody says or does something."""
    if row.get("action", "") not in SILENT or (
        "observation" in row and row["observation"] not in SILENT_OBSERVATIONS
    ):
        yield OF_THE_FILE, row


def read_openhands(events: list[Json], losses: Losses) -> Conversation:
    """Return a turn for each event; what came of an action answers the call that it is.

    Raises:
        RowError: Two events have one id.
    """
    ids = [event["id"] for event in events if isinstance(event.get("id"), int)]
    if len(set(ids)) < len(ids):
        raise RowError("ids of events repeat: several trajectories in one file?")
    turns: list[Turn] = []
    calls: dict[str | None, str | None] = {}
    for event in events:
        turn = _turn(losses.open(event, "[]", Level.TURN), calls)
        if turn.role == "tool" or not turn.shows_nothing:
            turns.append(turn)
    return Conversation(
        turns,
        agent_id=last_model(turns),
        created_at=next((turn.created_at for turn in turns if turn.created_at), None),
        client=Application("OpenHands"),
    )


def _turn(event: Fields, calls: dict[str | None, str | None]) -> Turn:
    """Return the turn of an event.

    Args:
        event: The event.
        calls: The id of each call so far by that of its event, to which this one's is added.
    """
    # What an application shows of an event, in its own words.
    event.leave("message", "cause", "llm_metrics", "timeout")
    id_, cause, source = event.label("id"), event.label("cause"), event.text("source")
    call = event.nested(CALL)
    name, call_id = call.label("function_name"), call.label("tool_call_id")
    model = call.nested("model_response").label("model")
    if observed := event.text("observation"):
        content = event.text("content")
        turn = Turn(
            "tool", content, tool_call_id=call_id or calls.get(cause), name=name or observed
        )
    else:
        turn = _action(event, source)
        if turn.tool_calls:
            turn.tool_calls[0].name = name or turn.tool_calls[0].name
            turn.tool_calls[0].id = calls[id_] = call_id or id_
        turn.model = model if turn.role == "assistant" else None
    turn.created_at = time_of(event, "timestamp")
    return turn


def _action(event: Fields, source: str | None) -> Turn:
    kind, arguments = event.text("action") or "", event.nested("args")
    role = SYSTEM if kind == SYSTEM else "assistant" if source == "agent" else "user"
    if kind in SPOKEN:
        if arguments.peek("image_urls"):
            arguments.lose("image_urls")
        texts = [arguments.text(key) for key in TEXT_KEYS]
        return Turn(role, next(filter(None, texts), None))
    thought = arguments.text("thought") or None
    call = ToolCall(kind, json_text(arguments.rest()))
    return Turn(role, thought, tool_calls=[call])
