"""The Daft query that computes rows of `cleaned` from files of the raw table."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import daft
import pyarrow as pa
from daft import col
from pyiceberg.table import Table

from app.curation.pipeline.days import RECEIVED_AT, DayPart
from app.curation.pipeline.row_cleaner import CLEANED_WITH_REASON, RowCleaner
from app.curation.pipeline.runner import Runner
from app.curation.rules.interface import RAW_COLUMNS, StageRules
from catalog.schema import ID


def cleaned_rows(
    table: Table,
    snapshot_id: int,
    parts: Sequence[DayPart],
    rules: StageRules,
    runner: Runner,
) -> pa.Table:
    """Compute the rows of adjacent parts of days.

    Args:
        table: The raw table.
        snapshot_id: A live snapshot of it.
        parts: The parts, in the order of receipt, with no other row between them.
        rules: The rules to clean by.
        runner: The started runner of Daft.

    Returns:
        A row for each row of the parts that isn't excluded, in no particular order, with the
        columns of `CLEANED_WITH_REASON`. A dropped row has an id, a time and a reason; its other
        columns may be null.
    """
    start, end = parts[0].start, parts[-1].end
    frame = _between(daft.read_iceberg(table, snapshot_id=snapshot_id), start, end)
    # An older snapshot has the schema of its time.
    known = set(frame.column_names)
    frame = frame.select(
        *(col(name) if name in known else daft.lit(None).alias(name) for name in RAW_COLUMNS)
    )
    excluded = pa.concat_arrays([part.excluded for part in parts])
    if len(excluded):
        frame = frame.join(daft.from_arrow(pa.table({ID: excluded})), on=ID, how="anti")
    cleaner = daft.cls(RowCleaner, **_processes(runner.processes))(rules)
    cleaned = cleaner.clean(*(col(name) for name in RAW_COLUMNS))
    return pa.Table.from_batches(_batches(frame.select(cleaned)), CLEANED_WITH_REASON)


def _processes(number: int) -> dict[str, Any]:
    # A process for one processor would only cost its start.
    return (
        {"use_process": True, "max_concurrency": number} if number > 1 else {"use_process": False}
    )


def _between(frame: daft.DataFrame, start: datetime, end: datetime) -> daft.DataFrame:
    received = col(RECEIVED_AT)
    return frame.where((received >= daft.lit(start)) & (received < daft.lit(end)))


def _batches(frame: daft.DataFrame) -> Iterator[pa.RecordBatch]:
    for batch in frame.to_arrow_iter():
        yield batch.select(CLEANED_WITH_REASON.names).cast(CLEANED_WITH_REASON)
