"""Scores insults, hate and abuse, by a linear model of runs of characters.

`toxicity_model/README.md` tells what the model was trained on, how good it is, and what it is not
for.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.rules.cleaning.scores import TextScores
from app.curation.scorers.ngrams import Characters, Ints, characters_of

CATEGORY: Final = "toxicity"
FLAGGED_ABOVE: Final = 0.9
"""The score above which a turn is flagged."""
WEIGHTS_FILE: Final = Path(__file__).parent / "toxicity_model" / "weights.npz"
WEIGHT_UNITS: Final = 24
"""Number of units in a weight of 1, so that weights are whole numbers of one byte. So sums are
exact, and the same whatever else is in the batch."""
INTERCEPT_UNITS: Final = WEIGHT_UNITS * 256
"""Number of units in an intercept of 1."""
WINDOW_CHARACTERS: Final = 64
"""A longer text is as toxic as the worst of its windows, each half of which overlaps with the next:
an insult counts as much in a long text as in a short one."""
_STEP: Final = WINDOW_CHARACTERS // 2
_BATCH_TEXTS: Final = 4_096
_VERSION: Final = "1"
"""Raised with the weights and with whatever changes a score."""


class Toxicity:
    """Tells how surely a text insults, threatens, abuses or hates.

    Attributes:
        name: The name of the scorer.
        version: The version of the model.
    """

    name = "toxicity"
    version = _VERSION

    def score(self, texts: Sequence[str]) -> Iterator[TextScores]:
        """Yield the score of each text."""
        for start in range(0, len(texts), _BATCH_TEXTS):
            batch = pa.array(texts[start : start + _BATCH_TEXTS], pa.large_string())
            for score in _chances(log_odds(characters_of(batch))).tolist():
                flags = (CATEGORY,) if score > FLAGGED_ABOVE else ()
                yield TextScores({CATEGORY: score}, flags)


def log_odds(texts: Characters) -> NDArray[np.float64]:
    """Return the log odds of each text that it is toxic: those of its worst window.

    The log odds of a window are the intercept, and the sum of the weights of all runs that begin in
    it, divided by the square root of its number of characters. A text without characters has the
    intercept's.
    """
    weights, intercept = _model()
    of_places = np.zeros(len(texts.codes), np.int64)
    for buckets in texts.runs():
        of_places += weights[buckets]
    sums = np.concatenate([[0], np.cumsum(of_places)])
    text, starts, lengths = _windows(texts)
    of_windows = (sums[starts + lengths] - sums[starts]) / np.sqrt(np.maximum(lengths, 1))
    worst = np.full(len(texts.lengths), -np.inf)
    np.maximum.at(worst, text, of_windows)
    found: NDArray[np.float64] = worst / WEIGHT_UNITS + intercept / INTERCEPT_UNITS
    return found


def _windows(texts: Characters) -> tuple[Ints, Ints, Ints]:
    """Return the text, the first place and the number of characters of each window.

    The last window of a text ends with it.
    """
    beyond = np.maximum(texts.lengths - WINDOW_CHARACTERS, 0)
    numbers = 1 + -(-beyond // _STEP)
    text = np.repeat(np.arange(len(numbers)), numbers)
    within = np.arange(len(text)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    offsets = np.minimum(within * _STEP, beyond[text])
    lengths = np.minimum(texts.lengths, WINDOW_CHARACTERS)[text]
    return text, texts.starts[text] + offsets, lengths


def _chances(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    chances: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return chances


@cache
def _model() -> tuple[NDArray[np.int8], int]:
    """Return the weight of each bucket, in `WEIGHT_UNITS`, and the intercept in its units."""
    with np.load(WEIGHTS_FILE) as arrays:
        weights: Any = arrays["weights"]
        return weights, int(arrays["intercept"][0])
