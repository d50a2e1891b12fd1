"""Which moment of the lake a reader means."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.state import ledger
from app.state.db import Database
from catalog.errors import SnapshotNotFound
from catalog.snapshots import Snapshot, tagged_snapshot_id
from catalog.table import load_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A snapshot id, a tag, or a time; with none of them, now."""

    snapshot_id: int | None = None
    tag: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """The table as of one snapshot; `snapshot` is None while the lake is empty."""

    table: Table
    snapshot: Snapshot | None


class Snapshots:
    """Finds the snapshots of the lake: by the ledger, and by the tags of the table."""

    def __init__(self, database: Database, catalog: Callable[[], Catalog]) -> None:
        """Look in a ledger and in a catalog.

        Args:
            database: Holds the ledger.
            catalog: Returns the catalog; it is called when a table is needed.
        """
        self._database = database
        self._catalog = catalog

    def view(self, reference: Reference) -> SnapshotView:
        """Return the table at the moment that a reference names.

        Raises:
            SnapshotNotFound: No snapshot has the id, or none was committed by the time.
            TagNotFound: No snapshot has the tag.
        """
        if reference.tag is not None:
            table = self.table()
            return SnapshotView(table, self._by_id(tagged_snapshot_id(table, reference.tag)))
        # The ledger before the table: whatever it names is in a table that is loaded later.
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
        """Return snapshots, newest first.

        Args:
            limit: How many at most.
            before: Only those with a lower sequence number; None: from the newest on.
        """
        with self._database.read() as connection:
            return ledger.page(connection, limit, before)

    def table(self) -> Table:
        """Return the newest table of contributions.

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
