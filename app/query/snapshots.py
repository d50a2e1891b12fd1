"""Finding the snapshot that a reader refers to, and the table as of that snapshot."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pyiceberg.catalog import Catalog
from pyiceberg.expressions import BooleanExpression
from pyiceberg.table import Table

from app.state import ledger
from app.state.db import Database
from catalog.errors import SnapshotNotFound
from catalog.scan import EVERY_ROW, DataFile, plan
from catalog.snapshots import Snapshot, tagged_snapshot_id
from catalog.table import load_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A reference to a snapshot, by its id, a tag or a time.

    At most one of the attributes is set. A reference without any means the newest snapshot.

    Attributes:
        snapshot_id: The snapshot's id.
        tag: The name of a tag of the table.
        as_of: A time; the snapshot is the newest that was committed by then.
    """

    snapshot_id: int | None = None
    tag: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """The table as of one snapshot.

    Attributes:
        table: The table of contributions, loaded after the snapshot was committed.
        snapshot: The snapshot; None while the lake is empty.
    """

    table: Table
    snapshot: Snapshot | None

    def files(self, condition: BooleanExpression = EVERY_ROW) -> list[DataFile]:
        """Return the data files that may hold rows that meet a condition, oldest day first."""
        return plan(self.table, self.snapshot, condition) if self.snapshot else []


class Snapshots:
    """Finds the snapshots of the lake in the ledger and by the tags of the table."""

    def __init__(self, database: Database, catalog: Callable[[], Catalog]) -> None:
        """Find snapshots.

        Args:
            database: The database with the ledger.
            catalog: Returns the Iceberg catalog; called whenever the table is needed.
        """
        self._database = database
        self._catalog = catalog

    def view(self, reference: Reference) -> SnapshotView:
        """Return the table as of the snapshot that a reference names.

        Raises:
            SnapshotNotFound: No snapshot has the id, or none was committed by the time.
            TagNotFound: No snapshot has the tag.
        """
        if reference.tag is not None:
            table = self.table()
            return SnapshotView(table, self._by_id(tagged_snapshot_id(table, reference.tag)))
        # The table is loaded after the ledger was read, so that it contains the snapshot.
        snapshot = self._by_id_or_time(reference)
        return SnapshotView(self.table(), snapshot)

    def find(self, reference: Reference) -> Snapshot:
        """Return the snapshot that a reference names, without its table.

        Raises:
            SnapshotNotFound: No snapshot has the id, or none was committed by the time or at all.
            TagNotFound: No snapshot has the tag.
        """
        if reference.tag is not None:
            return self._by_id(tagged_snapshot_id(self.table(), reference.tag))
        snapshot = self._by_id_or_time(reference)
        if snapshot is None:
            raise SnapshotNotFound("now: the lake is empty")
        return snapshot

    def page(self, limit: int, before: int | None) -> list[Snapshot]:
        """Return a page of snapshots, newest first.

        Args:
            limit: The largest number of snapshots to return.
            before: The sequence number below which the page begins; None begins with the newest.
        """
        with self._database.read() as connection:
            return ledger.page(connection, limit, before)

    def table(self) -> Table:
        """Return the table of contributions as it is now.

        Raises:
            TableNotFound: The migrations have not been run.
        """
        return load_table(self._catalog())

    def _by_id(self, snapshot_id: int) -> Snapshot:
        with self._database.read() as connection:
            snapshot = ledger.by_id(connection, snapshot_id)
        if snapshot is None:
            raise SnapshotNotFound(snapshot_id)
        return snapshot

    def _by_id_or_time(self, reference: Reference) -> Snapshot | None:
        if reference.snapshot_id is not None:
            return self._by_id(reference.snapshot_id)
        with self._database.read() as connection:
            snapshot = ledger.newest(connection, reference.as_of)
        if snapshot is None and reference.as_of is not None:
            raise SnapshotNotFound(reference.as_of.isoformat())
        return snapshot
