"""Tasks for tests, on a snapshot of a lake."""

from dataclasses import replace
from typing import Any

from app.query.replaced import ReplacedReader
from app.query.snapshots import Reference, SnapshotView
from app.services import Services
from catalog.reading.dataset import dataset_of, local_files_of, replaced_files_of, rows_not_replaced
from sandbox.protocol import QueryLimits, Task

LIMITS = QueryLimits(memory_mib=512, cpu_s=30, threads=2, max_rows=1000, max_bytes=1024 * 1024)


def make_task(services: Services, query: str, **fields: Any) -> Task:
    """Return a task on the newest snapshot, as the service makes it.

    Args:
        services: The services of the lake.
        query: The text in SQL.
        fields: Other fields of the task, in place of those made here.
    """
    made = task_of(services.reading.snapshots.view(Reference()), services.reading.replaced, query)
    # Without the number of rows, which follows from the fields that were made.
    return replace(made, **{"rows": None, **fields}) if fields else made


def task_of(view: SnapshotView, replaced: ReplacedReader, query: str) -> Task:
    """Return the task of a query on a snapshot, as the service makes it."""
    files, as_of = view.files(), replaced.as_of(view)
    return Task(
        query=query,
        dataset=dataset_of(view.table, files),
        days=tuple(file.day for file in files),
        local=local_files_of(view.table, files),
        last_sequence_number=next((file.until for file in files if file.until), None),
        replaced=replaced_files_of(as_of.table, as_of.files(), as_of.sequence_number),
        hidden=view.hidden,
        rows=None
        if len(view.hidden)
        else rows_not_replaced(files, as_of.files(), as_of.sequence_number),
        limits=LIMITS,
    )
