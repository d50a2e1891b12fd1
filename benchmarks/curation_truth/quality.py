"""The reasons of the rules of quality, as curation gives them to rows."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.quality.rules import judge
from app.curation.rules.curating.quality.signals import signals
from catalog.stages.tables import COMPUTED_STAGES

_TYPE = COMPUTED_STAGES["cleaned"].arrow_schema.field("conversation").type


def find(rows: list[dict[str, Any]]) -> Iterator[set[str]]:
    """Return the reason for which each row is dropped, or nothing for a row that is kept."""
    conversations = [[{"stopped": False, **turn} for turn in row["conversation"]] for row in rows]
    facts = pa.table(
        {
            "language": [row["language"] for row in rows],
            "signals": signals(pa.array(conversations, _TYPE)),
        }
    )
    reasons, _ = judge(facts, CuratingParameters())
    for reason in reasons.to_pylist():
        yield {reason} if reason else set()
