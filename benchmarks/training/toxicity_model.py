"""Trains the model of toxicity, and measures on texts that it wasn't trained on how good it is."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import pyarrow as pa
from _toxicity_rows import Row, read_rows
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import roc_auc_score

from app.curation.scorers.ngrams import BUCKETS, LONGEST_RUN, characters_of
from app.curation.scorers.toxicity import (
    FLAGGED_ABOVE,
    INTERCEPT_UNITS,
    WEIGHT_UNITS,
    WEIGHTS_FILE,
    Toxicity,
)

_TRUTH: Final = Path(__file__).parents[1] / "curation_truth" / "rows" / "quality.jsonl"
_TRAINED_CHARACTERS: Final = 256
"""Characters of a text that are trained on."""
_REGULARISATION: Final = 3e-5
_PASSES: Final = 12
_BATCH_ROWS: Final = 8_192
_MAX_WEIGHT: Final = 127


@click.command()
@click.argument("sources", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--write", is_flag=True, help="Train, and write the weights that the service uses.")
def main(sources: Path, write: bool) -> None:
    """Print how good the model is on held texts of SOURCES, a folder of checkouts."""
    rows = read_rows(sources)
    if write:
        _write([row for row in rows if not row.is_held])
    held = [row for row in rows if row.is_held] + list(_answers())
    scores = np.array([said.scores["toxicity"] for said in Toxicity().score(_texts(held))])
    _print_table(held, scores)


def _texts(rows: Sequence[Row]) -> list[str]:
    return [row.text for row in rows]


def _answers() -> Iterator[Row]:
    """Yield the turns of the rows of `quality`, of which none is toxic, as held rows."""
    for line in _TRUTH.read_text("utf-8").splitlines():
        row = json.loads(line)
        for turn in row["conversation"]:
            if turn.get("content"):
                yield Row(turn["content"], row["language"], False, "chat", is_held=True)


def _write(rows: Sequence[Row]) -> None:
    labels = np.array([row.is_toxic for row in rows])
    model = SGDClassifier(
        loss="log_loss",
        alpha=_REGULARISATION,
        max_iter=_PASSES,
        tol=None,
        average=True,
        random_state=0,
    )
    features = vstack(
        [
            _features(_texts(rows[start : start + _BATCH_ROWS]))
            for start in range(0, len(rows), _BATCH_ROWS)
        ],
        format="csr",
    )
    model.fit(features, labels, sample_weight=_weights(rows))
    units = np.rint(model.coef_[0] * WEIGHT_UNITS).clip(-_MAX_WEIGHT, _MAX_WEIGHT)
    np.savez_compressed(
        WEIGHTS_FILE,
        weights=units.astype(np.int8),
        intercept=np.rint(model.intercept_ * INTERCEPT_UNITS).astype(np.int32),
    )


def _features(texts: list[str]) -> csr_matrix:
    """Return how often each text has each run, divided by the square root of its length."""
    characters = characters_of(pa.array(texts, pa.large_string()))
    lengths = np.minimum(characters.lengths, _TRAINED_CHARACTERS)
    text = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(len(text)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    places = characters.starts[text] + within
    columns = np.stack([buckets[places] for buckets in characters.runs()], axis=1).ravel()
    values = np.repeat((1 / np.sqrt(np.maximum(lengths, 1)))[text], LONGEST_RUN)
    ends = np.concatenate([[0], np.cumsum(lengths * LONGEST_RUN)])
    shape = (len(texts), BUCKETS)
    return csr_matrix((values.astype(np.float32), columns.astype(np.int32), ends), shape=shape)


def _weights(rows: Sequence[Row]) -> NDArray[Any]:
    """Return the weights of rows to train on.

    A source counts by the square root of its number of rows, and in each language toxic rows count
    as much as others.
    """
    kinds = [(row.source, row.language, row.is_toxic) for row in rows]
    numbers = Counter(kinds)
    weights = np.array([numbers[kind] ** -0.5 for kind in kinds])
    sums: defaultdict[tuple[str, bool], float] = defaultdict(float)
    for (_, language, is_toxic), weight in zip(kinds, weights.tolist(), strict=True):
        sums[language, is_toxic] += weight
    for place, (_, language, is_toxic) in enumerate(kinds):
        if is_toxic and sums[language, False]:
            weights[place] *= sums[language, False] / sums[language, True]
    means: NDArray[Any] = weights / weights.mean()
    return means


def _print_table(rows: Sequence[Row], scores: NDArray[Any]) -> None:
    click.echo(
        "| texts | language | number | toxic | AUC | precision | recall | flagged of others |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        language = row.language if row.source not in {"chat", "chatterbot"} else "many"
        groups[row.source, language].append(place)
    for (source, language), places in sorted(groups.items()):
        toxic = np.array([rows[place].is_toxic for place in places])
        found = scores[places]
        flagged = found > FLAGGED_ABOVE
        cells = [source, language, str(len(places)), str(toxic.sum())]
        if 0 < toxic.sum() < len(places):
            precision = f"{toxic[flagged].mean():.2f}" if flagged.any() else ""
            cells += [f"{roc_auc_score(toxic, found):.2f}", precision]
            cells += [f"{flagged[toxic].mean():.2f}"]
        else:
            cells += ["", "", ""]
        click.echo(f"| {' | '.join([*cells, f'{flagged[~toxic].mean():.4f}'])} |")


if __name__ == "__main__":
    main()
