"""Takedowns that are recorded, and not run yet."""

from collections.abc import Sequence

import pyarrow as pa

from app.access.takedowns.records import TakenDown
from app.services import Services
from catalog.reading.membership import NO_IDS


def record_takedown(services: Services, ids: Sequence[str]) -> pa.Array:
    """Record a takedown of contributions; return their ids, ascending."""
    rows = [TakenDown(each, f"conversation of {each}", "hash", 1) for each in ids]
    services.access.takedowns.record(
        "contributor", "somebody", rows, reason=None, requested_by="a test"
    )
    return pa.array(ids, NO_IDS.type).sort()
