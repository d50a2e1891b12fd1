"""Trains the model that tells which of two detectors is right about the language of a text."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click
import numpy as np
from sklearn.linear_model import LogisticRegression

from app.curation.rules.cleaning.language import detected
from app.curation.rules.cleaning.second_opinion import (
    MIN_BYTES,
    WEIGHT_UNITS,
    WEIGHTS_FILE,
    Disagreement,
    Weights,
    disagreement,
    log_odds,
)

_MIN_DISAGREEMENTS: Final = 10
"""Disagreements in which a detector names a language, from which on that has its own weight."""
_WEIGHT_OF: Final = {
    "en": 4.0,
    **dict.fromkeys(("de", "es", "fr", "hi", "id", "it", "pt", "ru"), 2.0),
    **dict.fromkeys(("be", "ky", "nn"), 0.5),
    **dict.fromkeys(("bs", "lb"), 0.25),
}
"""How much the texts of a language count; those of others count 1. Texts in some languages are far
more frequent than those of a neighbour that has most of their words."""


@click.command()
@click.argument("texts", type=click.Path(exists=True, path_type=Path))
@click.option("--write", is_flag=True, help="Write the weights that the service uses.")
def main(texts: Path, write: bool) -> None:
    """Print how often the model is right about TEXTS that it wasn't trained on.

    TEXTS has JSON lines with `text`, `language` and `split`, which is `train` or `test`.
    """
    with texts.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    found = list(_disagreements(rows))
    trained = [each for each in found if each[2] == "train"]
    weights = _trained(trained)
    tested = [each for each in found if each[2] == "test"]
    is_other = np.array([log_odds(each, weights) > 0 for each, _, _ in tested])
    names = [
        (each.other if other else each.language, each.language, each.other, language)
        for other, (each, language, _) in zip(is_other, tested, strict=True)
    ]
    for label, place in (("the model", 0), ("CLD2", 1), ("py3langid", 2)):
        share = np.mean([name[place] == name[3] for name in names])
        click.echo(f"{label} is right about {share:.3f} of {len(names)} disagreements")
    if write:
        text = json.dumps(_trained(found), indent=1)
        WEIGHTS_FILE.write_text(f"{text}\n", "utf-8")


def _disagreements(rows: list[dict[str, str]]) -> Iterator[tuple[Disagreement, str, str]]:
    """Yield the disagreements of the detectors, each with the text's language and split."""
    for row in rows:
        answer = detected(row["text"].encode())
        if answer.language is None or answer.size < MIN_BYTES:
            continue
        found = disagreement(row["text"], answer.size, answer.language, answer.score)
        if found:
            yield found, row["language"], row["split"]


def _trained(found: list[tuple[Disagreement, str, str]]) -> Weights:
    """Return the weights, in whole units, of a model of which detector is right, if one is."""
    told = [
        (each, language) for each, language, _ in found if language in (each.language, each.other)
    ]
    named = _frequent(each.language for each, _, _ in found)
    others = _frequent(each.other for each, _, _ in found)
    features = [
        [
            each.score,
            each.margin,
            *(each.language == name for name in named),
            *(each.other == name for name in others),
        ]
        for each, _ in told
    ]
    model = LogisticRegression(max_iter=1000).fit(
        np.array(features, np.float64),
        [language == each.other for each, language in told],
        sample_weight=[_WEIGHT_OF.get(language, 1.0) for _, language in told],
    )
    score, margin, *of_languages = [_units(weight) for weight in model.coef_[0]]
    return {
        "bias": _units(model.intercept_[0]),
        "score": score,
        "margin": margin,
        "cld2": dict(zip(named, of_languages, strict=False)),
        "py3langid": dict(zip(others, of_languages[len(named) :], strict=True)),
    }


def _frequent(languages: Iterable[str]) -> list[str]:
    counts = Counter(languages)
    return sorted(name for name, count in counts.items() if count >= _MIN_DISAGREEMENTS)


def _units(weight: float) -> int:
    return round(weight * WEIGHT_UNITS)


if __name__ == "__main__":
    main()
