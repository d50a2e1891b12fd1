"""Scores how good answers are, by a linear model that learnt from judged pairs of answers.

The score stands beside the rules, and no rule uses it. `model/README.md` tells what the
model was trained on, how good it is, and what it is not for.
"""

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.curating.answers.failing import answers_of, prompts_of
from app.curation.rules.curating.arrays import Bools, Ints, row_sums, to_numpy
from app.curation.rules.curating.linear_weights import WEIGHT_UNITS, read_weights
from app.curation.rules.curating.quality.features import FEATURE_UNITS, MAX_WORDS, quality_features
from app.curation.rules.curating.words import Turns

LANGUAGES: Final = ("en", "zh")
"""The languages that the model was trained on. Other conversations have no score."""
MIN_WORDS: Final = 8
"""A shorter answer shows too little to be told, and has no score."""
WEIGHTS_FILE: Final = Path(__file__).parent / "model" / "weights.npz"
_STEP: Final = FEATURE_UNITS * WEIGHT_UNITS // 256
"""Units in a step. Mean log odds are rounded down to whole steps, which are 1 / 256."""
_STEPS: Final = 8 * 256
"""Mean log odds are limited to this many steps on both sides of even odds, which is 8."""
_SCORE_DIGITS: Final = 3


def quality_scores(turns: Turns, languages: pa.Array) -> pa.Array:
    """Return the score of each conversation, from 0 to 1.

    The score of an answer is the chance, by the model, that judges prefer it to an average answer
    of the same length to the same prompt. Average answers are those of the pairs that the model was
    trained on, in the same language. The score of a conversation is that of the mean log odds of
    its answers to users, and null where none of them can be scored.

    Args:
        turns: The turns of the conversations.
        languages: The language of each conversation.
    """
    rows = np.repeat(np.arange(len(languages)), np.diff(turns.offsets))
    spoken = to_numpy(pc.index_in(languages, pa.array(LANGUAGES, languages.type)).fill_null(-1))
    is_scored = _can_be_scored(turns) & (spoken[rows] >= 0)
    places = np.flatnonzero(is_scored)
    log_odds = np.zeros(len(rows), np.int64)
    log_odds[places] = _log_odds(turns, places, spoken[rows[places]])
    sums, numbers = row_sums(log_odds, turns.offsets), row_sums(is_scored, turns.offsets)
    steps = sums // (np.maximum(numbers, 1) * _STEP)
    return pa.array(_chances()[steps.clip(-_STEPS, _STEPS) + _STEPS], mask=numbers == 0)


def _can_be_scored(turns: Turns) -> Bools:
    """Return which turns are answers to users, and long enough."""
    prompts = prompts_of(turns)
    by_user = to_numpy(pc.equal(turns.field("role"), "user"))[prompts] & (prompts >= 0)
    long_enough = np.diff(turns.words.offsets) >= MIN_WORDS
    scored: Bools = answers_of(turns) & by_user & long_enough
    return scored


def _log_odds(turns: Turns, places: Ints, languages: Ints) -> Ints:
    """Return how surely each of some answers is good, in `FEATURE_UNITS * WEIGHT_UNITS`.

    Args:
        turns: The turns.
        places: The places of the answers.
        languages: The place of each answer's language in `LANGUAGES`.
    """
    contents, asked = turns.field("content"), prompts_of(turns)[places]
    features = quality_features(
        contents.take(pa.array(places)),
        turns.words.take(places, MAX_WORDS),
        contents.take(pa.array(asked)),
        turns.words.take(asked, MAX_WORDS),
    )
    weights = _weights()
    found: Ints = features @ weights["features"] - weights["averages"][languages] * FEATURE_UNITS
    return found


@cache
def _weights() -> dict[str, Ints]:
    return read_weights(WEIGHTS_FILE)


@cache
def _chances() -> NDArray[np.float64]:
    """Return the chance of each mean log odds, by its number of steps, from the least on."""
    log_odds = np.arange(-_STEPS, _STEPS + 1) * (_STEP / (FEATURE_UNITS * WEIGHT_UNITS))
    chances: NDArray[np.float64] = np.round(1 / (1 + np.exp(-log_odds)), _SCORE_DIGITS)
    return chances
