"""The rules of the stages, as the service computes them."""

from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Final

import msgspec

from app.curation.pipeline.functions import StageFunctions
from app.curation.rules.cleaning.rows import CLEANING_VERSION, clean
from app.curation.rules.curating.decide import FACTS, decide
from app.curation.rules.curating.minhash import bands
from app.curation.rules.curating.parameters import CURATING_VERSION, Curating
from app.curation.rules.curating.signals import signals

_LIBRARIES: Final = ("ftfy", "phonenumbers", "pycld2", "python-stdnum")
"""What cleaning is decided by besides our rules: another release may clean otherwise."""
PARAMETERS: Final = Curating()
"""The published thresholds."""
RULES: Final = StageFunctions(
    clean=clean,
    signals=signals,
    bands=bands,
    decide=partial(decide, parameters=PARAMETERS),
    facts=FACTS,
    cleaning_version=" ".join(
        [str(CLEANING_VERSION), *(f"{name} {version(name)}" for name in _LIBRARIES)]
    ),
    curating_version=f"{CURATING_VERSION} {msgspec.json.encode(asdict(PARAMETERS)).decode()}",
)
