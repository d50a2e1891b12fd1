"""Thinning: making old snapshots no longer live.

pyiceberg copies every live snapshot at each commit, so their number decides how long a commit
takes. A thinned snapshot still resolves, by the ledger and the rows of the newest table.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Literal

from pydantic import Field
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.update import (
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    ValidatableTableRequirement,
)

from catalog.snapshots import Snapshot, commit_on_newest, live_snapshots

_APPEND: Final = "append"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EMBARGO_SLICES: Final = 24
"""Parts of the embargo of which a snapshot each stays live, so that engines lag by one at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The snapshots that stay live in addition to those that a tag or a branch refers to.

    Attributes:
        newest: Number of newest snapshots that stay.
        hours: Number of past hours of which the newest snapshot stays.
        days: Number of past days of which the newest snapshot stays.
        read_grace: Longest time that a read may take. The snapshot before a commit that replaced
            files stays for as long, so that the files do.
        embargo: The age from which a snapshot is public; zero if all are. The newest snapshot of
            that age stays, which engines get and stages are built of, and so do enough younger
            ones to follow it.
    """

    newest: int
    hours: int
    days: int
    read_grace: timedelta
    embargo: timedelta = timedelta()


def thinnable(table: Table, retention: Retention, now: datetime) -> list[Snapshot]:
    """Return the live snapshots that may be thinned, newest first.

    Args:
        table: The current state of the table.
        retention: The snapshots that stay live.
        now: The time, from which hours and days are counted.
    """
    live = list(live_snapshots(table))
    kept = {snapshot.snapshot_id for snapshot in live[: retention.newest]}
    kept |= _newest_of_each(live, now - timedelta(hours=retention.hours), _hour)
    kept |= _newest_of_each(live, now - timedelta(days=retention.days), datetime.date)
    kept |= _around_rewrites(table, live, now - retention.read_grace)
    kept |= _for_embargo(live, retention.embargo, now)
    kept |= _held(table.metadata, now)
    return [snapshot for snapshot in live if snapshot.snapshot_id not in kept]


def thin(table: Table, snapshots: Collection[Snapshot], now: datetime) -> None:
    """Make snapshots no longer live, except those that a tag or a branch refers to by now.

    Their files stay for readers; files that no live snapshot needs are orphans.

    Args:
        table: The raw table, which is reloaded.
        snapshots: The snapshots to thin.
        now: The current time, in UTC, by which tags have expired.

    Raises:
        CommitConflict: Another writer kept committing first.
    """
    unwanted = {snapshot.snapshot_id for snapshot in snapshots}

    def remove() -> None:
        metadata = table.metadata
        expired = _expired_references(metadata, now)
        present = {snapshot.snapshot_id for snapshot in metadata.snapshots}
        ids = unwanted & present - _held(metadata, now)
        if not ids:
            return
        with table.transaction() as transaction:
            # pyiceberg's own expiry has no requirement, so it would remove a tag that was set
            # between loading the table and the commit.
            transaction._stage(  # noqa: SLF001  # the one way to commit updates with requirements
                (
                    *(_remove_reference(name) for name in sorted(expired)),
                    _remove_snapshots(sorted(ids)),
                ),
                (_AssertUnreferenced(snapshot_ids=sorted(ids), removed_refs=sorted(expired)),),  # type: ignore[arg-type]  # its union lists pyiceberg's own
            )

    commit_on_newest(table, remove)


def _remove_reference(name: str) -> RemoveSnapshotRefUpdate:
    return RemoveSnapshotRefUpdate.model_validate({"ref-name": name})


def _remove_snapshots(ids: list[int]) -> RemoveSnapshotsUpdate:
    return RemoveSnapshotsUpdate.model_validate({"snapshot-ids": ids})


class _AssertUnreferenced(ValidatableTableRequirement):
    """Requires that the snapshots are live, and only references that are removed refer to them.

    Attributes:
        type: Name of the requirement, as Iceberg's REST protocol spells those.
        snapshot_ids: The snapshots that the commit removes.
        removed_refs: Names of the references that the same commit removes.
    """

    type: Literal["assert-unreferenced"] = Field(default="assert-unreferenced")
    snapshot_ids: list[int]
    removed_refs: list[str]

    def validate(self, base_metadata: TableMetadata | None) -> None:  # type: ignore[override]  # pyiceberg's own override of pydantic's
        """Raise `CommitFailedException` unless the table of the commit meets the requirement."""
        metadata = base_metadata
        if metadata is None:
            raise CommitFailedException("the table is missing")
        names = {
            name
            for name, reference in metadata.refs.items()
            if reference.snapshot_id in self.snapshot_ids
        }
        live = {snapshot.snapshot_id for snapshot in metadata.snapshots}
        if names - set(self.removed_refs) or not live.issuperset(self.snapshot_ids):
            raise CommitFailedException("the snapshots were tagged or removed meanwhile")


def _for_embargo(newest_first: Sequence[Snapshot], embargo: timedelta, now: datetime) -> set[int]:
    """Return the newest public snapshot, and of each slice of the embargo the newest one."""
    if not embargo:
        return set()
    public = (each for each in newest_first if each.committed_at <= now - embargo)
    kept = {snapshot.snapshot_id for snapshot in islice(public, 1)}
    length = embargo / _EMBARGO_SLICES
    return kept | _newest_of_each(
        newest_first, now - embargo, lambda moment: (moment - _EPOCH) // length
    )


def _newest_of_each(
    newest_first: Iterable[Snapshot], since: datetime, period: Callable[[datetime], object]
) -> set[int]:
    found: dict[object, int] = {}
    for snapshot in newest_first:
        if snapshot.committed_at >= since:
            found.setdefault(period(snapshot.committed_at), snapshot.snapshot_id)
    return set(found.values())


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _around_rewrites(table: Table, live: Iterable[Snapshot], since: datetime) -> set[int]:
    """Return the snapshots after and before each recent commit that replaced files."""
    rewrites = {
        snapshot.snapshot_id
        for snapshot in live
        if snapshot.operation != _APPEND and snapshot.committed_at >= since
    }
    parents = {
        snapshot.parent_snapshot_id
        for snapshot in table.metadata.snapshots
        if snapshot.snapshot_id in rewrites and snapshot.parent_snapshot_id is not None
    }
    return rewrites | parents


def _held(metadata: TableMetadata, now: datetime) -> set[int]:
    """Return the ids of the snapshots that a tag or a branch refers to which hasn't expired."""
    expired = _expired_references(metadata, now)
    return {
        reference.snapshot_id for name, reference in metadata.refs.items() if name not in expired
    }


def _expired_references(metadata: TableMetadata, now: datetime) -> set[str]:
    """Return the names of the expired references; Iceberg counts their age from the commit."""
    committed_ms = {snapshot.snapshot_id: snapshot.timestamp_ms for snapshot in metadata.snapshots}
    now_ms = now.timestamp() * 1000
    return {
        name
        for name, reference in metadata.refs.items()
        if name != MAIN_BRANCH
        and reference.max_ref_age_ms is not None
        and now_ms - committed_ms[reference.snapshot_id] > reference.max_ref_age_ms
    }
