"""A lake to take down from: its contributions, and what all of its snapshots hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pyarrow as pa

from app.services import Services
from app.state import ledger
from catalog.columns.arrow import to_arrow
from catalog.reading.plans import plan
from catalog.reading.scan import read, schema_of
from catalog.records import Contribution
from catalog.schema import ARROW_SCHEMA, ID
from catalog.snapshots import Snapshot
from catalog.table import load_table
from catalog.writing.staging import StagedFiles
from tests.factories import commit_batch, make_received

MARK = "unmistakable"
"""A word in every text that is taken down."""


@dataclass(slots=True)
class Lake:
    """A lake with a history.

    Attributes:
        services: The services of the lake.
        snapshots: The snapshots of its commits, oldest first.
    """

    services: Services
    snapshots: list[Snapshot] = field(default_factory=list)

    def commit(self, *contributions: Contribution) -> Snapshot:
        """Commit contributions in one batch."""
        self.snapshots.append(commit_batch(self.services, *contributions))
        return self.snapshots[-1]

    def commit_days(self, days: int) -> None:
        """Commit a batch of other contributions for each of some days."""
        for day in range(days):
            self.commit(*(make_received(day, f"other {n}") for n in range(3)))

    def hold(self, contribution: Contribution) -> None:
        """Have a contribution wait in the journal."""
        self.services.ingest.journal.append(contribution)

    def hold_upload(self, *contributions: Contribution) -> None:
        """Have an upload wait in the journal, with its rows in a data file."""
        files = StagedFiles(load_table(self.services.catalog), uuid4())
        files.write(to_arrow(contributions))
        uploads = self.services.ingest.bulk_intake._uploads
        uploads.acknowledge(uploads.open(), files.finish(), 0, b"", b"")

    def rows(self, without: set[str] | None = None) -> list[list[dict[str, Any]]]:
        """Return the rows of each snapshot in their order, without those of some ids."""
        table = load_table(self.services.catalog)
        return [
            [row for row in rows_at(table, each) if row[ID] not in (without or set())]
            for each in self.snapshots
        ]

    def counts(self) -> list[tuple[int, int]]:
        """Return the numbers of rows of each snapshot in the ledger: added, and in all."""
        with self.services.database.read() as connection:
            found = [ledger.by_id(connection, each.snapshot_id) for each in self.snapshots]
        return [(each.added_rows, each.total_rows) for each in found if each]


def rows_at(table: Any, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the rows of a snapshot as values."""
    batches = read(table, plan(table, snapshot))
    rows: list[dict[str, Any]] = pa.Table.from_batches(
        batches, schema_of(ARROW_SCHEMA.names)
    ).to_pylist()
    return rows


@contextmanager
def committing(services: Services) -> Iterator[None]:
    """Run a committer within the block."""
    stop = Event()
    thread = Thread(target=services.jobs.committer().run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def files_below(home: Path) -> set[Path]:
    """Return the files below a folder."""
    return {path for path in home.rglob("*") if path.is_file()}
