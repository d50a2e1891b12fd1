"""The data files of the stages' tables, in the order of their rows.

No two files of a stage have rows from overlapping times, unless one build wrote both for the same
chunk of a day. A build numbers its files in the order of their rows. So sorting files by the time
of their first row, and then by name, sorts their rows.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from pyiceberg.expressions import BooleanExpression
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from catalog.manifests.cache import PATH, column_of, files_of
from catalog.manifests.pruning import LOWER, ROWS, UPPER
from catalog.reading.plans import EVERY_ROW

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class StageFile:
    """A data file, in the order of its rows.

    Attributes:
        first: The time at which its first row was received.
        path: URL of the file.
        last: The time at which its last row was received.
        rows: Number of rows.
    """

    first: datetime
    path: str
    last: datetime
    rows: int

    @property
    def day(self) -> date:
        """The day on which its rows were received, in UTC."""
        return self.first.date()


def newest_stage_files(table: Table, condition: BooleanExpression = EVERY_ROW) -> list[StageFile]:
    """Return the files of the newest snapshot of a table of a stage, in the order of their rows.

    Args:
        table: A table of a stage.
        condition: The rows that a file has to have, as far as its bounds tell.
    """
    return stage_files(table, table.current_snapshot(), condition)


def stage_files(
    table: Table, snapshot: IcebergSnapshot | None, condition: BooleanExpression = EVERY_ROW
) -> list[StageFile]:
    """Return the files of a snapshot that may have some rows, in the order of these.

    Args:
        table: A table of a stage.
        snapshot: A live snapshot of the table; None for no file.
        condition: The rows.
    """
    received_at = table.schema().find_field("received_at")
    return sorted(
        StageFile(
            _EPOCH + timedelta(microseconds=first),
            path,
            _EPOCH + timedelta(microseconds=last),
            rows,
        )
        for files in (files_of(table, snapshot, condition) if snapshot else ())
        for path, first, last, rows in zip(
            files[PATH].to_pylist(),
            column_of(files, LOWER, received_at).to_pylist(),
            column_of(files, UPPER, received_at).to_pylist(),
            files[ROWS].to_pylist(),
            strict=True,
        )
    )
