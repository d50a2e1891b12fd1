"""Snapshots and tags of the table, as plain values."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.table.update.snapshot import ManageSnapshots

from catalog.errors import CommitConflict, SnapshotNotFound, TagNotFound, TagTaken
from catalog.schema import BATCH_ID_PROPERTY

MAX_SNAPSHOT_ID: Final = 2**63 - 1
_TAG_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the ledger keeps of a snapshot.

    Attributes:
        snapshot_id: Iceberg's id; a string in every JSON, since ids exceed 2^53.
        sequence_number: Iceberg's number of the commit; it only grows.
        committed_at: When it was committed, in UTC.
        operation: Iceberg's word for what it did, such as `append`.
        batch_id: The batch that it added; None when it added none.
        added_rows: Contributions that it added.
        total_rows: Contributions in the table as of it, all versions.
        added_files: Data files that it added.
        added_bytes: Bytes of those files.
    """

    snapshot_id: int
    sequence_number: int
    committed_at: datetime
    operation: str
    batch_id: str | None
    added_rows: int
    total_rows: int
    added_files: int
    added_bytes: int


def live_snapshots(table: Table) -> Iterator[Snapshot]:
    """Yield the table's live snapshots, newest first."""
    for snapshot in sorted(
        table.metadata.snapshots, key=lambda each: each.sequence_number or 0, reverse=True
    ):
        yield describe(snapshot)


def describe(snapshot: IcebergSnapshot) -> Snapshot:
    """Return pyiceberg's snapshot as ours."""
    summary = snapshot.summary
    properties = summary.additional_properties if summary else {}

    def count(name: str) -> int:
        return int(properties.get(name, 0))

    return Snapshot(
        snapshot_id=snapshot.snapshot_id,
        sequence_number=snapshot.sequence_number or 0,
        committed_at=datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
        operation=summary.operation.value if summary else "unknown",
        batch_id=properties.get(BATCH_ID_PROPERTY),
        added_rows=count("added-records"),
        total_rows=count("total-records"),
        added_files=count("added-data-files"),
        added_bytes=count("added-files-size"),
    )


def live_snapshot(table: Table, snapshot_id: int) -> IcebergSnapshot:
    """Return a live snapshot of the table.

    Raises:
        SnapshotNotFound: No live snapshot has this id.
    """
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    if snapshot is None:
        raise SnapshotNotFound(snapshot_id)
    return snapshot


def tagged_snapshot_id(table: Table, tag: str) -> int:
    """Return the id of the snapshot that carries a tag.

    Raises:
        TagNotFound: No snapshot carries it.
    """
    reference = table.metadata.refs.get(tag)
    if reference is None or reference.snapshot_ref_type is not SnapshotRefType.TAG:
        raise TagNotFound(tag)
    return reference.snapshot_id


def tag_snapshot(table: Table, tag: str, snapshot_id: int) -> None:
    """Put a new tag on a live snapshot, so that it is never thinned.

    Raises:
        SnapshotNotFound: No live snapshot has this id.
        TagTaken: The name is that of a tag or of a branch already.
        CommitConflict: Another writer kept committing first.
    """

    def create() -> ManageSnapshots:
        live_snapshot(table, snapshot_id)
        if tag in table.metadata.refs:
            raise TagTaken(tag)
        return table.manage_snapshots().create_tag(snapshot_id, tag)

    _commit(table, create)


def remove_tag(table: Table, tag: str) -> None:
    """Take a tag off its snapshot.

    Raises:
        TagNotFound: No snapshot carries it.
        CommitConflict: Another writer kept committing first.
    """

    def remove() -> ManageSnapshots:
        tagged_snapshot_id(table, tag)
        return table.manage_snapshots().remove_tag(tag)

    _commit(table, remove)


def _commit(table: Table, change: Callable[[], ManageSnapshots]) -> None:
    """Commit a change of tags, anew on the newest table as long as other commits come first.

    A commit that lost the race is not in the table, so making it again is safe.
    """
    for _ in range(_TAG_ATTEMPTS):
        table.refresh()
        try:
            change().commit()
        except CommitFailedException:
            continue
        return
    raise CommitConflict(_TAG_ATTEMPTS)
