"""The rules that the service computes its stages by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Final

import msgspec
import pyarrow as pa

from app.curation.rules.cleaning.masks.person_name import NameRecogniser
from app.curation.rules.cleaning.rows import CLEANING_VERSION, clean
from app.curation.rules.cleaning.scores import NO_SCORING, Scoring
from app.curation.rules.curating.contamination import Contamination, EvaluationItem
from app.curation.rules.curating.decide import RowDecisions, decisions
from app.curation.rules.curating.facts import FACTS
from app.curation.rules.curating.measures import Measures
from app.curation.rules.curating.parameters import CURATING_VERSION, CuratingParameters
from app.curation.rules.interface import (
    NAMES_BY,
    NO_NETWORKS,
    EvaluationSet,
    Outcomes,
    StageRules,
    TextReader,
)
from app.curation.rules.reasons import all_reasons

_LIBRARIES: Final = ("ftfy", "phonenumbers", "py3langid", "pycld2", "python-stdnum")
"""Packages that decide how texts are cleaned: another release of one may clean otherwise."""
_PARAMETERS: Final = CuratingParameters()


def standard_rules(
    sets: Mapping[EvaluationSet, Sequence[EvaluationItem]],
    recogniser: NameRecogniser | None = None,
    scoring: Scoring = NO_SCORING,
    networks: pa.Table = NO_NETWORKS,
) -> StageRules:
    """Return the rules, which leave out what overlaps with evaluation sets.

    Args:
        sets: The evaluation sets and their items.
        recogniser: Finds the names of people, which are masked; None to leave them.
        scoring: What texts are scored by.
        networks: From which network contributors sent, a table of `NETWORKS_SCHEMA`.
    """
    items_by_name = {known.name: items for known, items in sets.items()}
    stated = {
        **asdict(_PARAMETERS),
        "evaluation_sets": [[known.name, known.version, known.sha256] for known in sets],
    }

    def decide(
        facts: Iterable[pa.RecordBatch], read_texts: TextReader, known: Outcomes
    ) -> RowDecisions:
        return decisions(facts, read_texts, _PARAMETERS, networks, known)

    return StageRules(
        clean=partial(clean, recogniser=recogniser, scoring=scoring),
        measures=Measures(Contamination(items_by_name, _PARAMETERS)),
        decide=decide,
        facts=FACTS,
        cleaning_version=" ".join(
            [
                str(CLEANING_VERSION),
                *(f"{name} {version(name)}" for name in _LIBRARIES),
                *([f"{NAMES_BY} {recogniser.version}"] if recogniser else []),
                *scoring.versions(),
            ]
        ),
        curating_version=f"{CURATING_VERSION} {msgspec.json.encode(stated).decode()}",
        reasons=all_reasons(_PARAMETERS),
        evaluation_sets=tuple(sets),
        has_scorers=bool(scoring.scorers),
    )
