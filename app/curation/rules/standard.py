"""The rules that the service computes its stages by."""

from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Final

import msgspec

from app.curation.rules.cleaning.rows import CLEANING_VERSION, clean
from app.curation.rules.curating.decide import FACTS, decide
from app.curation.rules.curating.minhash import bands
from app.curation.rules.curating.parameters import CURATING_VERSION, CuratingParameters
from app.curation.rules.curating.signals import signals
from app.curation.rules.interface import StageRules

_LIBRARIES: Final = ("ftfy", "phonenumbers", "pycld2", "python-stdnum")
"""Packages that decide how texts are cleaned: another release of one may clean otherwise."""
_PARAMETERS: Final = CuratingParameters()
STANDARD_RULES: Final = StageRules(
    clean=clean,
    signals=signals,
    bands=bands,
    decide=partial(decide, parameters=_PARAMETERS),
    facts=FACTS,
    cleaning_version=" ".join(
        [str(CLEANING_VERSION), *(f"{name} {version(name)}" for name in _LIBRARIES)]
    ),
    curating_version=f"{CURATING_VERSION} {msgspec.json.encode(asdict(_PARAMETERS)).decode()}",
)
