"""Finds answers that refuse: by their usual words, and by a linear model.

A refusal says that what was asked isn't done, and leaves it at that. A disclaimer before an answer
is none, though it begins with the same words: what follows it decides. Nor is a correction, bad
news from a shop, a "no" to a question, or what somebody in a story won't do.
`refusal_model/README.md` tells what the model was trained on and how good it is.
"""

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.curating.answers.refusal_features import refusal_features
from app.curation.rules.curating.answers.refusal_phrases import ANSWER_AFTER_ALL, REFUSAL
from app.curation.rules.curating.arrays import Bools, Ints, row_sums, to_numpy
from app.curation.rules.curating.linear_weights import WEIGHT_UNITS, read_weights
from app.curation.rules.curating.words import Words

REFUSAL_CHARACTERS: Final = 1000
"""A longer answer is no refusal: it says more than that it doesn't do what was asked."""
MIN_REFUSAL_WORDS: Final = 2
"""Least number of words of a refusal: one word is a "no" to a question."""
WEIGHTS_FILE: Final = Path(__file__).parent / "refusal_model" / "weights.npz"
MIN_SCORE: Final = 0.5
"""Score (log odds) from which on an answer refuses. Chosen by cross-validation on the rows that
the model was trained on, which are hard ones: it is right in nine of ten cases there."""
LONG_CHARACTERS: Final = 240
MIN_SCORE_OF_LONG: Final = 2.0
"""Score from which on an answer that is longer than this refuses: few of them do."""
MIN_SCORE_IN_USUAL_WORDS: Final = -2.0
"""Score from which on an answer refuses that begins with the usual words of a refusal. A disclaimer
before an answer begins with them too, and its score is lower."""


def refuse(answers: pa.Array, words: Words) -> Bools:
    """Return which answers refuse.

    Args:
        answers: The texts of the answers, as long as `REFUSAL_CHARACTERS` at most.
        words: The words of the answers.
    """
    if not len(answers):
        return np.zeros(0, np.bool_)
    scores = _scores(answers, words)
    is_long = to_numpy(pc.utf8_length(answers)) > LONG_CHARACTERS
    refused = scores >= np.where(is_long, MIN_SCORE_OF_LONG, MIN_SCORE)
    unsure = np.flatnonzero(~refused & (scores >= MIN_SCORE_IN_USUAL_WORDS))
    refused[unsure] = _match(answers.take(pa.array(unsure)), REFUSAL)
    places = np.flatnonzero(refused)
    refused[places] = ~_match(answers.take(pa.array(places)), ANSWER_AFTER_ALL)
    return refused


def _match(texts: pa.Array, pattern: str) -> Bools:
    return to_numpy(pc.match_substring_regex(texts, pattern, ignore_case=True))


def _scores(answers: pa.Array, words: Words) -> NDArray[np.float64]:
    """Return how surely each answer refuses, as log odds."""
    features, weights = refusal_features(answers, words), _weights()
    number = np.diff(features.offsets)
    alone, with_next = (weights["buckets"][buckets] for buckets in features.buckets.T)
    said = row_sums(alone + with_next, features.offsets)
    seen = weights["bias"] + features.dense @ weights["dense"]
    scores: NDArray[np.float64] = seen + said / np.sqrt(2 * np.maximum(number, 1))
    repeats = _repeats(features.buckets[:, 0], features.offsets)
    scores[(number < MIN_REFUSAL_WORDS) | repeats] = -np.inf
    return scores / WEIGHT_UNITS


def _repeats(words: Ints, offsets: Ints) -> Bools:
    """Return which answers say one word again and again, as a song does: it may mean "no"."""
    number = np.diff(offsets)
    first = np.append(words, 0)[offsets[:-1]]
    others: Ints = row_sums(words != np.repeat(first, number), offsets)
    repeats: Bools = (number > 1) & (others == 0)
    return repeats


@cache
def _weights() -> dict[str, Ints]:
    return read_weights(WEIGHTS_FILE)
