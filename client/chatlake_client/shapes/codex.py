"""Codex' sessions: a JSONL file with an item a line, in the words of OpenAI's Responses API.

Lines of the type `response_item` hold the items; others say when, where and with which model, or
repeat the items as events.

Source: openai/codex, codex-rs/protocol/src/protocol.rs (RolloutLine).
"""

from collections.abc import Iterator
from typing import Final

from chatlake_client.conversation import Application, Conversation, Turn
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.responses import add_turns, turns_of_items
from chatlake_client.shapes.shape import OF_THE_FILE, Thread
from chatlake_client.shapes.times import time_text

TYPES: Final = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
OF_THE_APPLICATION: Final = (
    "<environment_context>",
    "<user_instructions>",
    "# AGENTS.md instructions",
)
"""How messages begin that the application sends in the user's name."""


def is_codex(row: Json) -> bool:
    """Tell whether a row is a line of a session."""
    return row.get("type") in TYPES and isinstance(row.get("payload"), dict)


def parts_of_codex(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the line; a file is one session."""
    yield OF_THE_FILE, row


def read_codex(lines: list[Json], losses: Losses) -> Conversation:
    """Return the conversation of a session."""
    turns: list[Turn] = []
    model = version = id_ = started = None
    for line in lines:
        row = losses.open(line, "lines[]")
        kind, created_at = row.text("type"), time_text(row.take("timestamp"))
        # Events repeat items, and a context states settings.
        level = Level.TURN if kind == "response_item" else Level.DETAIL
        payload = row.nested("payload", level=level)
        match kind:
            case "session_meta":
                id_, version = payload.label("id") or id_, payload.label("cli_version") or version
                started = started or time_text(payload.take("timestamp")) or created_at
            case "turn_context":
                model = payload.label("model") or model
            case "response_item":
                add_turns(turns, _said(payload, model, created_at))
            case "compacted":
                row.lose("a summary in place of earlier turns")
    return Conversation(
        turns,
        agent_id=model,
        ingest_id=id_,
        created_at=started,
        client=Application("Codex", version),
    )


def _said(item: Fields, model: str | None, created_at: str | None) -> list[Turn]:
    item.leave("encrypted_content", "content")
    turns = turns_of_items([item], "assistant", "\n")
    for turn in turns:
        turn.created_at = created_at
        turn.model = model if turn.role == "assistant" else None
    return [turn for turn in turns if not _is_of_application(turn)]


def _is_of_application(turn: Turn) -> bool:
    text = (turn.content or "").lstrip()
    return turn.role == "user" and text.startswith(OF_THE_APPLICATION)
