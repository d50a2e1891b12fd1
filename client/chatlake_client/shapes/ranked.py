"""Several answers to one question, of which ranks or scores tell the best.

- `instruction`, `completions` with `fine-grained_score`, `overall_score` and `annotations`: the
  card of openbmb/UltraFeedback
- `prompt`, `answers` with `rank`: the card of berkeley-nest/Nectar; 1 is the best
- `query`, `responses` and `scores`, lists side by side: GanjinZero/RRHF; `generations` and
  `ratings`: argilla-io/distilabel
"""

import math
from dataclasses import dataclass
from typing import Final

from chatlake_client.conversation import Conversation, Preference, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.instructions import turns_before
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.preferences import compared
from chatlake_client.shapes.rows import conversation_of
from chatlake_client.shapes.transcripts import is_open, turns_of_question
from chatlake_client.shapes.vocabulary import model_of

ASKED_KEYS: Final = ("prompt", "question", "instruction", "query", "input")
LISTS: Final = ("completions", "answers", "responses", "generations", "candidates", "outputs")
TEXT_KEYS: Final = ("response", "answer", "completion", "output", "generation", "text", "content")
SYSTEM_KEY: Final = "custom_system_prompt"
RANK_KEYS: Final = ("rank",)
"""Keys of numbers of which the smallest is the best."""
SCORE_KEYS: Final = ("fine-grained_score", "overall_score", "score", "rating", "reward", "pm_score")
"""Keys of numbers of which the largest is the best. The mean of several aspects goes first."""
ASPECTS: Final = "annotations"
"""The key of UltraFeedback's aspects, each of which has a `Rating`."""
RANK_LISTS: Final = ("ranks", "rank", "rankings")
SCORE_LISTS: Final = ("scores", "ratings", "rewards")
MODEL_LISTS: Final = ("models", "generation_models", "model_names")
KEYS: Final = frozenset(LISTS)


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer.

    Attributes:
        answer: The answer's turn.
        badness: A number that is the smaller, the better the answer is.
        system: The system prompt that only this answer had; None when there was none.
    """

    answer: Turn
    badness: float
    system: str | None = None


def is_ranked(row: Json) -> bool:
    """Tell whether a row holds a question and a list of answers with ranks or scores."""
    answers = _answers_in(row)[1]
    if not answers or not any(isinstance(row.get(asked), str) for asked in ASKED_KEYS):
        return False
    if isinstance(answers[0], str):
        return any(isinstance(row.get(name), list) for name in (*RANK_LISTS, *SCORE_LISTS))
    return any(isinstance(one, dict) and _badness(one) is not None for one in answers)


def _answers_in(row: Json) -> tuple[str, list[object]]:
    """Return a list of texts or of objects with its key; an empty list if there is none."""
    for key in LISTS:
        answers = row.get(key)
        if isinstance(answers, list) and set(map(type, answers)) in ({str}, {dict}):
            return key, answers
    return "", []


def read_ranked(row: Fields) -> Conversation:
    """Return the conversation with the best answer; the others are its alternatives, best first.

    Raises:
        RowError: An answer has no text, or neither a rank nor a score.
    """
    key, answers = _answers_in({key: row.peek(key) for key in LISTS})
    row.take(key)
    are_texts = isinstance(answers[0], str)
    scored = _side_by_side(row, key, answers) if are_texts else _objects(row, key, answers)
    scored.sort(key=lambda one: one.badness)
    asked = row.text(*ASKED_KEYS) or ""
    before = [*turns_before(row), *turns_of_question(asked)]
    ranks = sorted({one.badness for one in scored})
    paths = []
    for one in scored:
        one.answer.rank = ranks.index(one.badness)
        if is_open(asked):
            one.answer.content = (one.answer.content or "").removeprefix(" ")
        system = [Turn("system", one.system)] if one.system else []
        paths.append([*system, *before, one.answer])
    best, *others = paths
    for other in others:
        compared(best, other)
    conversation = conversation_of(row, best)
    if any(turn.alternatives for turn in best):
        is_tie = scored[0].badness == scored[1].badness
        conversation.preference = Preference(
            "ranking" if len(others) > 1 else "pair", "tie" if is_tie else "main"
        )
    return conversation


def _objects(row: Fields, key: str, answers: list[object]) -> list[Scored]:
    scored = []
    for place, value in enumerate(answers):
        answer = row.inner(value, f"{key}[]", Level.TURN)
        badness = _badness(value) if isinstance(value, dict) else None
        text = answer.text(*TEXT_KEYS)
        if text is None:
            raise RowError(f"{key}[{place}] has no text under {', '.join(TEXT_KEYS)}")
        if badness is None:
            raise RowError(f"{key}[{place}] has neither a rank nor a score")
        answer.leave(*RANK_KEYS, *SCORE_KEYS, ASPECTS, "author")
        turn = Turn("assistant", text, model=model_of(answer))
        scored.append(Scored(turn, badness, answer.label(SYSTEM_KEY)))
    models = [one.answer.model for one in scored]
    for name in MODEL_LISTS:
        named = row.peek(name)
        if isinstance(named, list) and all(model in models for model in named):
            row.take(name)
    return scored


def _side_by_side(row: Fields, key: str, answers: list[object]) -> list[Scored]:
    verdicts = next(
        name for name in (*RANK_LISTS, *SCORE_LISTS) if isinstance(row.peek(name), list)
    )
    sign = 1 if verdicts in RANK_LISTS else -1
    numbers = list(map(_number, row.items(verdicts)))
    if len(numbers) != len(answers) or None in numbers:
        raise RowError(f"{verdicts} must hold a number for each of {key}")
    models: list[object] = [None] * len(answers)
    for name in MODEL_LISTS:
        named = row.peek(name)
        if isinstance(named, list) and list(map(type, named)) == [str] * len(answers):
            models = row.items(name)
            break
    return [
        Scored(Turn("assistant", str(text), model=str(model) if model else None), sign * number)
        for text, number, model in zip(answers, numbers, models, strict=True)
        if number is not None
    ]


def _badness(answer: Json) -> float | None:
    for keys, sign in ((RANK_KEYS, 1), (SCORE_KEYS, -1)):
        for key in keys:
            if (number := _number(answer.get(key))) is not None:
                return sign * number
    aspects = answer.get(ASPECTS)
    if not (isinstance(aspects, dict) and aspects):
        return None
    ratings = [
        _number(aspect.get("Rating")) for aspect in aspects.values() if isinstance(aspect, dict)
    ]
    numbers = [rating for rating in ratings if rating is not None]
    return -sum(numbers) / len(numbers) if len(numbers) == len(aspects) else None


def _number(value: object) -> float | None:
    """Return a number, which may be a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
