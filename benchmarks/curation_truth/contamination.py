"""Which conversations curation takes for contaminated by the evaluation sets that are shipped."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from app.curation.evaluation_sets.shipped import shipped_sets
from app.curation.rules.curating.contamination import Contamination
from app.curation.rules.curating.parameters import CuratingParameters
from catalog.stages.tables import COMPUTED_STAGES

_TYPE = COMPUTED_STAGES["cleaned"].arrow_schema.field("conversation").type


def find(rows: list[dict[str, Any]]) -> Iterator[set[str]]:
    """Return `contaminated` for each row that overlaps with a set, and nothing for others."""
    sets = {known.name: items for known, items in shipped_sets().items()}
    conversations = [[{"stopped": False, **turn} for turn in row["conversation"]] for row in rows]
    contamination = Contamination(sets, CuratingParameters())
    found = contamination.overlaps(pa.array(conversations, _TYPE))
    for name in found["evaluation_set"].to_pylist():
        yield {"contaminated"} if name else set()
