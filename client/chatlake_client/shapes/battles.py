"""Battles of LMArena: one question, two models, and a vote.

- `conversation_a` and `conversation_b`: lm-sys/FastChat,
  fastchat/serve/monitor/clean_battle_data.py and dataset_release_scripts/arena_33k
- `prompt`, `response_a` and `response_b`, which may be lists with one text for each exchange: the
  data page of Kaggle's competition lmsys-chatbot-arena
"""

from typing import Final

from chatlake_client.conversation import Conversation, Preference, Turn, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, kind_name
from chatlake_client.shapes.labels import other_labels
from chatlake_client.shapes.messages import turns_of
from chatlake_client.shapes.preferences import compared
from chatlake_client.shapes.times import time_of

SIDES: Final = ("a", "b")
WINNER: Final = "winner_"
TIES: Final = {
    "tie": "tie",
    "tie (bothbad)": "neither",
    "both_bad": "neither",
    "bothbad": "neither",
}


def is_battle(row: Json) -> bool:
    """Tell whether a row is a battle."""
    if "conversation_a" in row and "conversation_b" in row:
        return True
    has_texts = {"prompt", "response_a", "response_b"} <= row.keys()
    return has_texts and bool({"winner", "model_a", "winner_model_a"} & row.keys())


def read_battle(row: Fields) -> Conversation:
    """Return the conversation with the winner; of a tie, with the first model."""
    are_texts = "response_a" in row
    asked = _texts_of(row, "prompt") if are_texts else []
    sides = [_exchanges(row, side, asked) if are_texts else _side(row, side) for side in SIDES]
    verdict = _verdict_of(row, sides)
    if are_texts and verdict is None:
        raise RowError("nothing tells which answer is better: neither winner nor winner_model_a")
    if verdict == SIDES[1]:
        sides.reverse()
    turns = compared(sides[0], sides[1])
    ingest_id, created_at = row.label("question_id", "id"), time_of(row, "tstamp", "timestamp")
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=ingest_id,
        created_at=created_at,
        labels=other_labels(row),
        preference=Preference(preferred=TIES.get(verdict or "tie", "main")),
    )


def _side(row: Fields, side: str) -> list[Turn]:
    model = row.label(f"model_{side}")
    turns = turns_of(row, f"conversation_{side}")
    for turn in turns:
        turn.model = model if turn.role == "assistant" else None
    return turns


def _verdict_of(row: Fields, sides: list[list[Turn]]) -> str | None:
    """Take the vote; return the winning side or a word of `TIES`, and None where there is none.

    Raises:
        RowError: The vote is neither a side, nor its model, nor a tie.
    """
    winner = row.label("winner") or _marked_winner(row)
    if winner is None or winner.lower() in TIES:
        return winner and winner.lower()
    for side, turns in zip(SIDES, sides, strict=True):
        words = {side, f"model_{side}", f"response_{side}", (last_model(turns) or side).lower()}
        if winner.lower() in words:
            return side
    raise RowError(f"winner must be model_a, model_b or a tie, not {winner[:100]!r}")


def _marked_winner(row: Fields) -> str | None:
    """Take the columns of which one says 1: `winner_model_a`, `winner_model_b`, `winner_tie`."""
    names = ("model_a", "model_b", "tie")
    marked = [name for name in names if str(row.take(WINNER + name)) in {"1", "1.0", "True"}]
    return marked[0] if len(marked) == 1 else None


def _exchanges(row: Fields, side: str, asked: list[str | None]) -> list[Turn]:
    """Return the turns of questions that one model answered."""
    key = f"response_{side}"
    model, answers = row.label(f"model_{side}"), _texts_of(row, key)
    if len(answers) != len(asked):
        raise RowError(f"{key} must have as many texts as prompt")
    turns = []
    for question, answer in zip(asked, answers, strict=True):
        turns.append(Turn("user", question or ""))
        turns.append(Turn("assistant", answer or "", model=model))
    return turns


def _texts_of(row: Fields, key: str) -> list[str | None]:
    """Take a text, or a list of texts, which may be JSON in a text. A model may have said nothing.

    Raises:
        RowError: The value is neither.
    """
    texts: list[str | None] = []
    for value in row.items(key) or [row.take(key)]:
        if value is not None and not isinstance(value, str):
            raise RowError(f"{key} must hold texts, not {kind_name(value)}")
        texts.append(value)
    return texts
