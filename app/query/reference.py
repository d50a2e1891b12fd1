"""Which moment of the lake a reader means."""

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


def resolve(database: Database, catalog: Catalog, reference: Reference) -> SnapshotView:
    """Return the table at the moment that a reference names.

    Raises:
        SnapshotNotFound: No snapshot has the id, or none was committed by the time.
        TagNotFound: No snapshot has the tag.
    """
    if reference.tag is not None:
        table = load_table(catalog)
        snapshot_id = tagged_snapshot_id(table, reference.tag)
        return SnapshotView(table, find_snapshot(database, snapshot_id))
    # The ledger before the table: whatever it names is in a table that is loaded later.
    snapshot = _by_id_or_time(database, reference)
    return SnapshotView(load_table(catalog), snapshot)


def name_snapshot(database: Database, catalog: Catalog, reference: Reference) -> Snapshot:
    """Return the snapshot that a reference names, without its table.

    Raises:
        SnapshotNotFound: No snapshot has the id, or none was committed by the time or at all.
        TagNotFound: No snapshot has the tag.
    """
    if reference.tag is not None:
        snapshot_id = tagged_snapshot_id(load_table(catalog), reference.tag)
        return find_snapshot(database, snapshot_id)
    snapshot = _by_id_or_time(database, reference)
    if snapshot is None:
        raise SnapshotNotFound("now: the lake is empty")
    return snapshot


def find_snapshot(database: Database, snapshot_id: int) -> Snapshot:
    """Return a snapshot from the ledger.

    Raises:
        SnapshotNotFound: There never was one with this id.
    """
    with database.read() as connection:
        snapshot = ledger.by_id(connection, snapshot_id)
    if snapshot is None:
        raise SnapshotNotFound(snapshot_id)
    return snapshot


def list_snapshots(database: Database, limit: int, before: int | None) -> list[Snapshot]:
    """Return up to `limit` snapshots, newest first, below a sequence number when it is given."""
    with database.read() as connection:
        return ledger.page(connection, limit, before)


def _by_id_or_time(database: Database, reference: Reference) -> Snapshot | None:
    if reference.snapshot_id is not None:
        return find_snapshot(database, reference.snapshot_id)
    with database.read() as connection:
        snapshot = ledger.newest(connection, reference.as_of)
    if snapshot is None and reference.as_of is not None:
        raise SnapshotNotFound(reference.as_of.isoformat())
    return snapshot
