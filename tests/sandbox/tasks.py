"""Tasks for tests, on a snapshot of a lake."""

from typing import Any

import pyarrow as pa

from app.query.snapshots import Reference
from app.services import Services
from catalog.dataset import dataset_of
from catalog.scan import plan
from sandbox.protocol import QueryLimits, Task

LIMITS = QueryLimits(memory_mib=512, cpu_s=30, threads=2, max_rows=1000, max_bytes=1024 * 1024)


def make_task(services: Services, query: str, **fields: Any) -> Task:
    """Return a task on the newest snapshot, in which nothing is replaced or newer."""
    view = services.snapshots.view(Reference())
    files = plan(view.table, view.snapshot) if view.snapshot else []
    made: dict[str, Any] = {
        "dataset": dataset_of(view.table, files),
        "last_sequence_number": None,
        "replaced": pa.array([], pa.large_string()),
        "limits": LIMITS,
        **fields,
    }
    return Task(query=query, **made)
