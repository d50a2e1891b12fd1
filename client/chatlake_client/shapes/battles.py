"""Battles of LMArena: one question, two models, and a vote.

Source: lm-sys/FastChat, fastchat/serve/monitor/clean_battle_data.py and
dataset_release_scripts/arena_33k.
"""

from chatlake_client.conversation import Conversation, Preference, Turn, last_model
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.labels import other_labels
from chatlake_client.shapes.messages import turns_of
from chatlake_client.shapes.preferences import compared
from chatlake_client.shapes.times import time_of

TIES = {"tie": "tie", "tie (bothbad)": "neither", "both_bad": "neither", "bothbad": "neither"}


def is_battle(row: Json) -> bool:
    """Tell whether a row is a battle."""
    return "conversation_a" in row and "conversation_b" in row


def read_battle(row: Fields) -> Conversation:
    """Return the conversation with the winner; of a tie, with the first model."""
    sides = [_side(row, side) for side in ("a", "b")]
    winner = row.label("winner")
    if winner in {"model_b", "b"}:
        sides.reverse()
    turns = compared(sides[0], sides[1])
    ingest_id, created_at = row.label("question_id", "id"), time_of(row, "tstamp", "timestamp")
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=ingest_id,
        created_at=created_at,
        labels=other_labels(row),
        preference=Preference(preferred=TIES.get(winner or "tie", "main")),
    )


def _side(row: Fields, side: str) -> list[Turn]:
    model = row.label(f"model_{side}")
    turns = turns_of(row, f"conversation_{side}")
    for turn in turns:
        turn.model = model if turn.role == "assistant" else None
    return turns
