"""Trains the model that tells which of two detectors is right about the language of a text."""

import json
from collections import Counter
from collections.abc import Iterator
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

_MIN_DISAGREEMENTS: Final = 40
"""Disagreements from which on a language that CLD2 names has a weight of its own."""
_WEIGHT_OF: Final = {"en": 4.0, "nn": 0.5, "bs": 0.2}
"""How much the texts of a language count; those of others count 1. Most texts are in English, and
hardly any in Bosnian, which nobody tells from Croatian in a few words."""


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
    counts = Counter(each.language for each, _, _ in found)
    languages = sorted(name for name, count in counts.items() if count >= _MIN_DISAGREEMENTS)
    told = [
        (each, language) for each, language, _ in found if language in (each.language, each.other)
    ]
    features = np.array(
        [
            [each.score, each.margin, *(float(each.language == name) for name in languages)]
            for each, _ in told
        ]
    )
    model = LogisticRegression(max_iter=1000).fit(
        features,
        [language == each.other for each, language in told],
        sample_weight=[_WEIGHT_OF.get(language, 1.0) for _, language in told],
    )
    bias = model.intercept_[0]
    score, margin, *of_languages = model.coef_[0]
    units = [_units(bias + weight) for weight in of_languages]
    return {
        "score": _units(score),
        "margin": _units(margin),
        "others": _units(bias),
        "languages": dict(zip(languages, units, strict=True)),
    }


def _units(weight: float) -> int:
    return round(weight * WEIGHT_UNITS)


if __name__ == "__main__":
    main()
