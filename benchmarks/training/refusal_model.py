"""Trains the model that finds refusals, after measuring how good it is on wording it never saw."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final

import click
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from app.curation.rules.curating.answers.refusal_features import (
    BUCKETS,
    CONCEPTS_FILE,
    refusal_features,
)
from app.curation.rules.curating.answers.refusals import (
    MIN_SCORE,
    REFUSAL_CHARACTERS,
    WEIGHTS_FILE,
)
from app.curation.rules.curating.linear_weights import write_weights
from app.curation.rules.curating.words import words_of

ROWS_FILE: Final = Path(__file__).parent / "refusal_rows.jsonl"
_LABELLED: Final = Path(__file__).parents[1] / "curation_truth" / "rows"
_FOLDS: Final = 5
_INVERSE_REGULARISATION: Final = 8.0
_DENSE_SCALE: Final = 0.35
"""Features of concepts are this large while training, so that regularisation leaves more of the
score to words where these tell as much."""
_LONG_CHARACTERS: Final = 300
"""An answer that is this long is more than a refusal, whatever disclaimer is before it."""
_QUOTES: Final = ('"%s"', "“%s”", "«%s»", "„%s“", "「%s」", "— %s")
_BRIDGES: Final = ("", "However, ", "That said, ", "But ", "Still, ", "In general, ")
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Example:
    """A text that refuses, or one that doesn't.

    Attributes:
        text: The text.
        refuses: Whether it refuses.
        language: BCP 47 code of its language.
        families: The wordings that it has; texts that share one are in the same fold.
    """

    text: str
    refuses: bool
    language: str
    families: frozenset[str]


@click.command()
@click.option("--write", is_flag=True, help="Write the weights that the service uses.")
def main(write: bool) -> None:
    """Print how good the model is in cross-validation; with --write, train it on all rows."""
    written = list(_handwritten())
    examples = [*written, *_labelled_elsewhere()]
    made = list(_made_of(written))
    _cross_validate(examples, made)
    if write:
        model = _trained([*examples, *made])
        weights = model.coef_[0]
        write_weights(
            WEIGHTS_FILE,
            {
                "buckets": weights[:BUCKETS],
                "dense": weights[BUCKETS:] * _DENSE_SCALE,
                "bias": model.intercept_[0],
            },
            concepts=sha256(CONCEPTS_FILE.read_bytes()).digest(),
        )


def _handwritten() -> Iterator[Example]:
    for row in _read(ROWS_FILE):
        yield Example(row["text"], row["refuses"], row["language"], frozenset([row["family"]]))


def _labelled_elsewhere() -> Iterator[Example]:
    """Yield the texts of other areas of the evaluation that were there to be tuned on.

    None of them is among the rows that refusals are measured on.
    """
    for row in _read(_LABELLED / "quality.jsonl"):
        if row["split"] == "tune" and set(row["expected"]) <= {"refusal"}:
            yield from _turns(row["conversation"], row["language"], bool(row["expected"]))
    for row in _read(_LABELLED / "language.jsonl"):
        if row["split"] == "tune":
            yield from _turns([row["conversation"][-1] | {"role": "assistant"}], row["language"])
    for row in _read(_LABELLED / "near_duplicates.jsonl"):
        if row["split"] == "tune":
            yield from _turns(row["first"], row["language"])


def _turns(
    conversation: list[dict[str, str]], language: str, refuses: bool = False
) -> Iterator[Example]:
    for turn in conversation:
        if turn["role"] == "assistant":
            text = turn["content"]
            yield Example(text, refuses, language, frozenset([text]))


def _made_of(examples: list[Example]) -> Iterator[Example]:
    """Yield texts that are put together of others: what makes a refusal, and what undoes it."""
    chance = Random(_SEED)  # noqa: S311 - no secret
    of_language: dict[tuple[str, bool], list[Example]] = defaultdict(list)
    for example in examples:
        of_language[example.language, example.refuses].append(example)
    long = [each for each in of_language["en", False] if len(each.text) >= _LONG_CHARACTERS]
    for language, refuses in list(of_language):
        if not refuses:
            continue
        refusals, others = of_language[language, True], of_language[language, False]
        for first in refusals:
            yield _joined(first.text, True, [first, chance.choice(refusals)])
            quoted = chance.choice(_QUOTES) % first.text
            yield _joined(quoted, False, [first, chance.choice(others)])
            if language == "en":
                text = f"{first.text} {chance.choice(_BRIDGES)}".strip()
                yield _joined(text, False, [first, chance.choice(long)])
            else:
                yield _joined(first.text, False, [first, *chance.choices(others, k=6)])


def _joined(begin: str, refuses: bool, parts: list[Example]) -> Example:
    text = " ".join([begin, *(part.text for part in parts[1:])])
    return Example(
        text[:REFUSAL_CHARACTERS],
        refuses,
        parts[0].language,
        frozenset[str]().union(*(part.families for part in parts)),
    )


def _cross_validate(examples: list[Example], made: list[Example]) -> None:
    """Print precision and recall on examples of which no wording was trained on."""
    everything = [*examples, *made]
    families = sorted(frozenset[str]().union(*(each.families for each in everything)))
    Random(_SEED).shuffle(families)  # noqa: S311 - no secret
    fold_of = {family: place % _FOLDS for place, family in enumerate(families)}
    refuses = np.array([example.refuses for example in examples])
    scores = np.zeros(len(examples))
    for fold in range(_FOLDS):
        is_in = np.array(
            [any(fold_of[name] == fold for name in each.families) for each in examples]
        )
        model = _trained(
            [each for each in everything if all(fold_of[name] != fold for name in each.families)]
        )
        tested = [each for each, chosen in zip(examples, is_in, strict=True) if chosen]
        scores[is_in] = model.decision_function(_matrix(tested))
    click.echo(f"{len(examples)} texts, {refuses.sum()} of them refusals, in {_FOLDS} folds")
    click.echo(f"{'score':>6} {'precision':>9} {'recall':>7} {'F1':>6}")
    for least in sorted({0.0, MIN_SCORE, 1.0, 1.5, 2.0}):
        found = scores >= least
        right = (found & refuses).sum()
        precision, recall = right / found.sum(), right / refuses.sum()
        f1 = 2 * precision * recall / (precision + recall)
        click.echo(f"{least:>6} {precision:>9.3f} {recall:>7.3f} {f1:>6.3f}")


def _trained(examples: list[Example]) -> LogisticRegression:
    model = LogisticRegression(C=_INVERSE_REGULARISATION, class_weight="balanced", max_iter=200)
    return model.fit(_matrix(examples), _labels(examples))


def _labels(examples: list[Example]) -> NDArray[np.bool_]:
    return np.array([example.refuses for example in examples])


def _matrix(examples: list[Example]) -> sparse.csr_matrix:
    texts = pa.array([example.text for example in examples], pa.large_string())
    features = refusal_features(texts, words_of(texts))
    number = 2 * np.diff(features.offsets)  # each word has two buckets
    weights = np.repeat(1 / np.sqrt(np.maximum(number, 1)), number)
    words = sparse.csr_matrix(
        (weights, features.buckets.ravel(), 2 * features.offsets), shape=(len(examples), BUCKETS)
    )
    return sparse.hstack([words, sparse.csr_matrix(features.dense * _DENSE_SCALE)]).tocsr()


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    main()
