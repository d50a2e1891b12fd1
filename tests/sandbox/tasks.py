"""Tasks for tests, on a snapshot of a lake."""

from typing import Any

import pyarrow as pa

from app.query.snapshots import Reference
from app.services import Services
from catalog.dataset import dataset_of, local_files_of
from sandbox.protocol import QueryLimits, Task

LIMITS = QueryLimits(memory_mib=512, cpu_s=30, threads=2, max_rows=1000, max_bytes=1024 * 1024)


def make_task(services: Services, query: str, **fields: Any) -> Task:
    """Return a task on the newest snapshot, without superseded versions.

    Args:
        services: The services of the lake.
        query: The text in SQL.
        fields: Other fields of the task, in place of those made here.
    """
    view = services.snapshots.view(Reference())
    made: dict[str, Any] = {
        "dataset": dataset_of(view.table, view.files()),
        "local": local_files_of(view.table, view.files()),
        "last_sequence_number": None,
        "superseded": pa.array([], pa.large_string()),
        "hidden": pa.array([], pa.large_string()),
        "limits": LIMITS,
        **fields,
    }
    return Task(query=query, **made)
