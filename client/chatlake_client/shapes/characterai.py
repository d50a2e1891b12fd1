"""Chats of Character.AI: turns, each with the answers that were swiped through.

Source: public clients of its API. `primary_candidate_id` names the answer that counts.
"""

from chatlake_client.conversation import Application, Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.times import time_text


def is_characterai(row: Json) -> bool:
    """Tell whether a row is a chat of Character.AI."""
    turns = row.get("turns")
    return (
        isinstance(turns, list)
        and bool(turns)
        and all(
            isinstance(turn, dict) and {"turn_key", "candidates"} <= turn.keys() for turn in turns
        )
    )


def read_characterai(row: Fields) -> Conversation:
    """Return the chat in the order of its times, with other answers as alternatives."""
    turns = [_turn(turn) for turn in row.objects("turns")]
    turns.sort(key=lambda turn: (turn.created_at or "").rstrip("Z"))
    return Conversation(
        turns,
        created_at=turns[0].created_at,
        client=Application("Character.AI"),
    )


def _turn(stated: Fields) -> Turn:
    author = stated.nested("author")
    role = "user" if author.flag("is_human") else "assistant"
    created_at = time_text(stated.take("create_time"))
    primary = stated.label("primary_candidate_id")
    found = {}
    for candidate in stated.objects("candidates"):
        turn = Turn(role, candidate.text("raw_content"), created_at=created_at)
        found[candidate.label("candidate_id")] = turn
    if not found:
        raise RowError("a turn without candidates")
    turn = found.get(primary) or [*found.values()][-1]
    turn.alternatives = [[other] for other in found.values() if other is not turn]
    return turn
