"""Snapshots and tags of the table, as plain values."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time_ns
from typing import Final
from uuid import uuid4

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from catalog.connection import commit_lock_of
from catalog.errors import (
    CommitConflict,
    SnapshotNotFound,
    SnapshotNotLive,
    TagNotFound,
    TagTaken,
)
from catalog.schema import BATCH_ID_PROPERTY

MAX_SNAPSHOT_ID: Final = 2**63 - 1
HOLD_MS: Final = 24 * 60 * 60 * 1000
"""Longest time that a snapshot is held, which is longer than any release takes to build."""
_HOLD: Final = "held-"
_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot as the ledger records it.

    Attributes:
        snapshot_id: Iceberg's id; a string in every JSON, since ids exceed 2^53.
        sequence_number: Iceberg's number of the commit; it only grows.
        committed_at: Time of the commit, in UTC.
        operation: Iceberg's name of the commit's kind, such as `append`.
        batch_id: The batch that the commit added; None when it added no batch.
        added_rows: Number of rows that the commit added.
        total_rows: Number of rows in the table after the commit, all versions included.
        added_files: Number of data files that the commit added.
        added_bytes: Size of those files together.
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
        table.metadata.snapshots, key=lambda listed: listed.sequence_number or 0, reverse=True
    ):
        yield to_snapshot(snapshot)


def newest_number(table: Table) -> int:
    """Return the sequence number of the table's newest snapshot; 0 without one."""
    newest = table.current_snapshot()
    return (newest.sequence_number or 0) if newest else 0


def to_snapshot(snapshot: IcebergSnapshot) -> Snapshot:
    """Convert a snapshot of pyiceberg."""
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
        # A compaction deletes and adds the same rows, which an earlier snapshot added.
        added_rows=count("added-records") - count("deleted-records"),
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


def is_hold(tag: str) -> bool:
    """Tell whether a tag only keeps a snapshot live while something is built of it."""
    return tag.startswith(_HOLD)


def tag_snapshot(table: Table, tag: str, snapshot_id: int) -> None:
    """Put a new tag on a live snapshot, so that it is never thinned.

    Raises:
        SnapshotNotFound: No live snapshot has this id.
        TagTaken: A tag or a branch already has this name.
        CommitConflict: Another writer kept committing first.
    """

    def create() -> None:
        live_snapshot(table, snapshot_id)
        if tag in table.metadata.refs:
            raise TagTaken(tag)
        table.manage_snapshots().create_tag(snapshot_id, tag).commit()

    commit_on_newest(table, create)


def remove_tags(table: Table, tags: Collection[str]) -> None:
    """Take tags off their snapshots, in one commit; those that no snapshot carries are no error.

    Raises:
        CommitConflict: Another writer kept committing first.
    """

    def remove() -> None:
        refs = table.metadata.refs
        present = [
            name
            for name in tags
            if name in refs and refs[name].snapshot_ref_type is SnapshotRefType.TAG
        ]
        change = table.manage_snapshots()
        for name in present:
            change.remove_tag(name)
        if present:
            change.commit()

    commit_on_newest(table, remove)


@contextmanager
def held(table: Table, snapshot_id: int | None = None) -> Iterator[None]:
    """Keep a snapshot live, and with it its files, within the block.

    Whoever reads the raw table holds its newest snapshot, from whose files all earlier ones are
    read, live or not. A tag that a killed process leaves behind expires after `HOLD_MS`.

    Args:
        table: The table, which is reloaded.
        snapshot_id: Id of the snapshot to hold; None for the newest, of which there must be one.

    Raises:
        SnapshotNotFound: The table has no snapshot.
        SnapshotNotLive: The snapshot was thinned.
        CommitConflict: Another writer kept committing first.
    """
    tag = f"{_HOLD}{uuid4().hex}"

    def hold() -> None:
        snapshot = (
            table.current_snapshot()
            if snapshot_id is None
            else table.metadata.snapshot_by_id(snapshot_id)
        )
        if snapshot is None:
            raise SnapshotNotLive(snapshot_id) if snapshot_id else SnapshotNotFound("now")
        age_ms = max(time_ns() // 1_000_000 - snapshot.timestamp_ms, 0)
        table.manage_snapshots().create_tag(
            snapshot.snapshot_id, tag, max_ref_age_ms=age_ms + HOLD_MS
        ).commit()

    def release() -> None:
        if tag in table.metadata.refs:
            table.manage_snapshots().remove_tag(tag).commit()

    commit_on_newest(table, hold)
    try:
        yield
    finally:
        # Failing here would discard finished work, and a tag that stays expires anyway.
        with suppress(CommitConflict):
            commit_on_newest(table, release)


def commit_on_newest(table: Table, change: Callable[[], None]) -> None:
    """Reload the table and commit a change to it, again when another process committed first.

    Commits of this process wait meanwhile. A commit that lost the race is not in the table, so
    repeating it is safe.

    Args:
        table: The table, which is reloaded before each attempt.
        change: Commits the change, and raises `CommitFailedException` when it lost the race.

    Raises:
        CommitConflict: Another writer kept committing first.
    """
    for _ in range(_ATTEMPTS):
        with commit_lock_of(table):
            table.refresh()
            try:
                change()
            except CommitFailedException:
                continue
            return
    raise CommitConflict(_ATTEMPTS)
