"""Making a table with many commits, compacting it, and reading it as of each snapshot."""

from datetime import timedelta
from uuid import uuid4

import pyarrow as pa
from pyiceberg.table import Table

from catalog.maintenance.compaction import Compacted, CompactionSizes, compact, small_files
from catalog.reading.plans import plan
from catalog.reading.scan import read, schema_of
from catalog.schema import ARROW_SCHEMA
from catalog.snapshots import Snapshot
from catalog.table import append_batch
from tests.factories import FIRST_DAY, make_received

DAY = FIRST_DAY.date()
NEXT_DAY = DAY + timedelta(days=1)
SIZES = CompactionSizes(target_bytes=10**8, open_day_files=4)


def append_commits(table: Table, commits: int, day: int = 0, rows: int = 2) -> list[Snapshot]:
    """Append small batches of one day, each in a commit of its own."""
    return [
        append_batch(table, uuid4(), [make_received(day) for _ in range(rows)])
        for _ in range(commits)
    ]


def compact_all(table: Table, sizes: CompactionSizes = SIZES) -> list[Compacted]:
    """Compact every day as if it were closed."""
    days = small_files(table, sizes, open_from=DAY + timedelta(days=1_000))
    return [compacted for day in days if (compacted := compact(table, day, sizes))]


def rows_at(table: Table, snapshot: Snapshot) -> pa.Table:
    """Return all rows as of a snapshot, in the order of a scan."""
    return pa.Table.from_batches(read(table, plan(table, snapshot)), schema_of(ARROW_SCHEMA.names))


def files_at(table: Table, snapshot: Snapshot) -> set[str]:
    """Return the paths of the data files that a scan of a snapshot reads."""
    return {file.path for file in plan(table, snapshot)}
