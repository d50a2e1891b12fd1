"""Thinning: which snapshots stay live.

pyiceberg copies every live snapshot at each commit, so their number decides how long a commit
takes. One that is thinned still resolves: the ledger has it, and its rows are in the newest table.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Which snapshots stay live, besides those that a tag or a branch names.

    Attributes:
        newest: How many of the newest.
        hours: For how many hours the newest of each.
        days: For how many days the newest of each.
        read_grace: How long a reader may need the files that a commit replaced; until then the last
            snapshot that has them stays.
    """

    newest: int
    hours: int
    days: int
    read_grace: timedelta


def thinnable(table: Table, retention: Retention, now: datetime) -> list[Snapshot]:
    """Return the live snapshots that needn't stay live, newest first."""
    live = list(live_snapshots(table))
    kept = {snapshot.snapshot_id for snapshot in live[: retention.newest]}
    kept |= _newest_of_each(live, now - timedelta(hours=retention.hours), _hour)
    kept |= _newest_of_each(live, now - timedelta(days=retention.days), datetime.date)
    kept |= _around_rewrites(table, live, now - retention.read_grace)
    kept |= _referenced(table.metadata) - _let_go(table.metadata, now)
    return [snapshot for snapshot in live if snapshot.snapshot_id not in kept]


def thin(table: Table, snapshots: Collection[Snapshot], now: datetime) -> None:
    """Make some snapshots no longer live, except those that something has come to refer to.

    Their files stay: what no live snapshot needs is an orphan, and may be read for a while.

    Raises:
        CommitConflict: Another writer kept committing first.
    """
    unwanted = {snapshot.snapshot_id for snapshot in snapshots}

    def remove() -> None:
        metadata = table.metadata
        expired = _expired_references(metadata, now)
        present = {snapshot.snapshot_id for snapshot in metadata.snapshots}
        ids = unwanted & present - (_referenced(metadata) - _let_go(metadata, now))
        if not ids:
            return
        with table.transaction() as transaction:
            # pyiceberg's own expiry has no requirement: it would take along a tag that was set
            # between its reading of the table and its commit.
            transaction._stage(  # noqa: SLF001  # the one way to commit updates with requirements
                (
                    *(_remove_reference(name) for name in sorted(expired)),
                    _remove_snapshots(sorted(ids)),
                ),
                (_AssertUnreferenced(snapshot_ids=sorted(ids), besides=sorted(expired)),),  # type: ignore[arg-type]  # its union lists pyiceberg's own
            )

    commit_on_newest(table, remove)


def _remove_reference(name: str) -> RemoveSnapshotRefUpdate:
    return RemoveSnapshotRefUpdate.model_validate({"ref-name": name})


def _remove_snapshots(ids: list[int]) -> RemoveSnapshotsUpdate:
    return RemoveSnapshotsUpdate.model_validate({"snapshot-ids": ids})


class _AssertUnreferenced(ValidatableTableRequirement):
    """Nothing but what is removed with them refers to the snapshots, and all are live."""

    type: Literal["assert-unreferenced"] = Field(default="assert-unreferenced")
    snapshot_ids: list[int]
    besides: list[str]

    def validate(self, base_metadata: TableMetadata | None) -> None:  # type: ignore[override]  # pyiceberg's own override of pydantic's
        """Raise CommitFailedException when it isn't so on the table that the commit is based on."""
        metadata = base_metadata
        if metadata is None:
            raise CommitFailedException("the table is missing")
        names = {
            name
            for name, reference in metadata.refs.items()
            if reference.snapshot_id in self.snapshot_ids
        }
        live = {snapshot.snapshot_id for snapshot in metadata.snapshots}
        if names - set(self.besides) or not live.issuperset(self.snapshot_ids):
            raise CommitFailedException("the snapshots were tagged or removed meanwhile")


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


def _referenced(metadata: TableMetadata) -> set[int]:
    return {reference.snapshot_id for reference in metadata.refs.values()}


def _let_go(metadata: TableMetadata, now: datetime) -> set[int]:
    """Return the snapshots that only references past their age refer to."""
    expired = _expired_references(metadata, now)
    names = {name: reference.snapshot_id for name, reference in metadata.refs.items()}
    still = {snapshot_id for name, snapshot_id in names.items() if name not in expired}
    return set(names.values()) - still


def _expired_references(metadata: TableMetadata, now: datetime) -> set[str]:
    """Return the references past their own greatest age, which Iceberg counts from the commit."""
    committed_ms = {each.snapshot_id: each.timestamp_ms for each in metadata.snapshots}
    now_ms = now.timestamp() * 1000
    return {
        name
        for name, reference in metadata.refs.items()
        if name != MAIN_BRANCH
        and reference.max_ref_age_ms is not None
        and now_ms - committed_ms[reference.snapshot_id] > reference.max_ref_age_ms
    }
