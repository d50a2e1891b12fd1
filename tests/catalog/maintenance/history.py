"""A table with many commits, and what they added."""

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import uuid4

import pyarrow as pa
from pyiceberg.table import Table

from catalog.scan import plan, read
from catalog.snapshots import Snapshot
from catalog.table import append_batch
from tests.factories import FIRST_DAY, make_received

DAY = FIRST_DAY.date()
NEXT_DAY = DAY + timedelta(days=1)
"""A day after which every made-up row was received."""


def append_commits(table: Table, commits: int, day: int = 0, rows: int = 2) -> list[Snapshot]:
    """Append small batches of one day, each in a commit of its own."""
    return [
        append_batch(table, uuid4(), [make_received(day) for _ in range(rows)])
        for _ in range(commits)
    ]


def rows_at(table: Table, snapshot: Snapshot) -> pa.Table:
    """Return all rows as of a snapshot, in the order of a scan."""
    batches = list(read(table, plan(table, snapshot)))
    return pa.Table.from_batches(batches)


def numbers_at(table: Table, snapshot: Snapshot) -> list[tuple[str, int]]:
    """Return the contribution_id and the sequence number of each row, in the order of a scan."""
    rows = rows_at(table, snapshot).select(["contribution_id", "sequence_number"])
    return [(row["contribution_id"], row["sequence_number"]) for row in rows.to_pylist()]


def days_of(snapshots: Iterable[Snapshot]) -> set[date]:
    """Return the days on which snapshots were committed."""
    return {snapshot.committed_at.date() for snapshot in snapshots}
