"""Pairs of answers beside one another, of which a number tells the better one.

- `response_0`, `response_1`, `better_response_id`: the card of PKU-Alignment/PKU-SafeRLHF
- `response_1`, `response_2`, `preference_strength`: the card of nvidia/HelpSteer2; below 0 prefers
  the first
- `context`, `response1`, `response2`, `overall_preference`: the card of nvidia/HelpSteer3; the same
- `question`, `answer_0`, `answer_1`, `score_1`: the card of openai/webgpt_comparisons; above 0
  prefers the second
- `output_1`, `output_2`, `preference`: tatsu-lab/alpaca_eval, README; from 1 to 2, and 0 for a tie
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chatlake_client.conversation import Conversation, Preference, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.messages import turns_of
from chatlake_client.shapes.rows import conversation_of
from chatlake_client.shapes.transcripts import turns_of_question

ASKED_KEYS: Final = ("prompt", "question", "instruction")
TIE: Final = "tie"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a data set says which of two answers is better.

    Attributes:
        answers: The keys of the answers.
        key: The key of the number.
        better: Returns the place of the better answer; None where none is.
    """

    answers: tuple[str, str]
    key: str
    better: Callable[[float], int | None]


def _by_sign(strength: float) -> int | None:
    return None if strength == 0 else int(strength > 0)


def _by_place(place: float) -> int | None:
    return int(place) if place in {0, 1} else None


def _by_middle(preference: float) -> int | None:
    return None if preference in {0, 1.5} else int(preference > 1.5)  # noqa: PLR2004  # of 1 and 2


VERDICTS: Final = (
    Verdict(("response_0", "response_1"), "better_response_id", _by_place),
    Verdict(("response_1", "response_2"), "preference_strength", _by_sign),
    Verdict(("response1", "response2"), "overall_preference", _by_sign),
    Verdict(("output_1", "output_2"), "preference", _by_middle),
    Verdict(("answer_0", "answer_1"), "score_1", _by_sign),
)
KEYS: Final = frozenset(verdict.key for verdict in VERDICTS)


def is_compared(row: Json) -> bool:
    """Tell whether a row holds two answers and which one is better."""
    return any({verdict.key, *verdict.answers} <= row.keys() for verdict in VERDICTS)


def read_compared(row: Fields) -> Conversation:
    """Return the conversation with the better answer; of equal ones, with the first."""
    verdict = next(one for one in VERDICTS if all(map(row.has, (one.key, *one.answers))))
    number = row.take(verdict.key)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise RowError(f"{verdict.key} must be a number")
    answers = [row.text(key) for key in verdict.answers]
    texts = [text for text in answers if text is not None]
    if len(texts) != len(answers):
        raise RowError(f"{' and '.join(verdict.answers)} must be texts")
    turns = _asked(row)
    better = verdict.better(number)
    if better == 1:
        texts.reverse()
    main, other = (Turn("assistant", text) for text in texts)
    main.alternatives = [[other]]
    conversation = conversation_of(row, [*turns, main])
    conversation.preference = Preference(preferred="main" if better is not None else TIE)
    return conversation


def _asked(row: Fields) -> list[Turn]:
    if isinstance(row.peek("context"), list):
        return turns_of(row, "context")
    text = row.text(*ASKED_KEYS) or row.nested("question").text("full_text")
    if text is None:
        raise RowError(f"no question: neither {' nor '.join(ASKED_KEYS)}")
    return turns_of_question(text)
