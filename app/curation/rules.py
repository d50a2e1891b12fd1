"""The rules of the stages, as the service computes them."""

from dataclasses import asdict
from functools import partial
from typing import Final

import msgspec

from app.curation.cleaning.rows import CLEANING_VERSION, clean
from app.curation.curating.decide import decide
from app.curation.curating.minhash import bands
from app.curation.curating.parameters import CURATING_VERSION, Curating
from app.curation.curating.signals import signals
from app.curation.functions import StageFunctions

PARAMETERS: Final = Curating()
"""The published thresholds."""
RULES: Final = StageFunctions(
    clean=clean,
    signals=signals,
    bands=bands,
    decide=partial(decide, parameters=PARAMETERS),
    cleaning_version=str(CLEANING_VERSION),
    curating_version=f"{CURATING_VERSION} {msgspec.json.encode(asdict(PARAMETERS)).decode()}",
)
