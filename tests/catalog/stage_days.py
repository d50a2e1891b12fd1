"""Rows of a stage, written and read by the day."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pyarrow as pa
from pyiceberg.table import Table

from catalog.stages.builds import replace_files
from catalog.stages.reader import StageReader
from catalog.stages.tables import DROPPED_ARROW_SCHEMA, SOURCE_SNAPSHOT_PROPERTY
from catalog.writing.staging import StagedFile, StagedFiles

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = {SOURCE_SNAPSHOT_PROPERTY: "7"}


def moment(day: int, number: int) -> datetime:
    """Return a moment that many seconds after a day's begin."""
    return START + day * DAY + timedelta(seconds=number)


def id_of(day: int, number: int) -> str:
    """Return a UUIDv7 of this moment."""
    milliseconds = int(moment(day, number).timestamp() * 1000)
    return str(UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62))


def make_rows(day: int, numbers: Sequence[int], reason: str = "empty") -> pa.Table:
    """Return rows of a day, a second apart."""
    rows = [
        {
            "contribution_id": id_of(day, number),
            "received_at": moment(day, number),
            "reason": reason,
        }
        for number in numbers
    ]
    return pa.Table.from_pylist(rows, DROPPED_ARROW_SCHEMA)


def stage(table: Table, *groups: pa.Table) -> list[StagedFile]:
    """Write rows to files, group by group."""
    files = StagedFiles(table, uuid4())
    for group in groups:
        files.write(group)
    return files.finish()


def read_ids(
    table: Table, snapshot_id: int, between: tuple[datetime, datetime] | None = None
) -> list[str]:
    batches = StageReader(table, snapshot_id).rows(["contribution_id"], between)
    return [found for batch in batches for found in batch.column(0).to_pylist()]


def replace(
    table: Table, files: Sequence[StagedFile], is_replaced: Callable[[datetime], bool] | None = None
) -> int:
    """Replace files; those of all rows when nothing else is told."""
    return replace_files(table, is_replaced or (lambda _: True), files, SOURCE)
