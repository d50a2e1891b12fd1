"""The versions of one conversation, each with the snapshot that added it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile
from uuid import UUID

from app.query.contributions import ContributionNotFound, Contributions
from app.query.snapshots import SnapshotView
from app.query.versions import Version, Versions
from app.state import ledger
from app.state.db import Database
from catalog.records import time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedVersion:
    """A version of a conversation, and when it came into the lake.

    Attributes:
        contribution_id: The contribution.
        received_at: When the server received it.
        sequence_number: Of the commit that added it.
        snapshot_id: The snapshot of that commit; None when the ledger doesn't have it.
        committed_at: When that was.
        is_current: Whether no later version has replaced it.
    """

    contribution_id: str
    received_at: datetime
    sequence_number: int
    snapshot_id: int | None
    committed_at: datetime | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class LineagePage:
    """Some versions of a conversation, oldest first.

    Attributes:
        versions: The versions.
        last_id: Where the next page goes on; None when this is the last.
    """

    versions: Sequence[CommittedVersion]
    last_id: str | None


class Lineage:
    """Tells what became of conversations."""

    def __init__(
        self, database: Database, contributions: Contributions, versions: Versions
    ) -> None:
        """Find conversations in the lake, and snapshots in the ledger of this database."""
        self._database = database
        self._contributions = contributions
        self._versions = versions

    def page(
        self, view: SnapshotView, contribution_id: UUID, limit: int, after: str | None
    ) -> LineagePage:
        """Return up to `limit` versions of a contribution's conversation after one of them.

        Raises:
            ContributionNotFound: The contribution isn't in the table as of the snapshot.
        """
        versions = self._all(view, contribution_id)
        following = versions
        if after is not None:
            following = list(dropwhile(lambda each: each.contribution_id != after, versions))[1:]
        shown = following[:limit]
        more = len(following) > limit
        placed = self._placed(shown, current=versions[-1])
        return LineagePage(placed, shown[-1].contribution_id if more else None)

    def successor(self, view: SnapshotView, contribution_id: UUID) -> str | None:
        """Return the version that replaced a contribution; None when it is the latest.

        Raises:
            ContributionNotFound: The contribution isn't in the table as of the snapshot.
        """
        ids = [version.contribution_id for version in self._all(view, contribution_id)]
        later = ids[ids.index(str(contribution_id)) + 1 :]
        return later[0] if later else None

    def predecessors(self, view: SnapshotView, contribution_id: UUID) -> list[str]:
        """Return the versions that a contribution replaced, oldest first.

        Raises:
            ContributionNotFound: The contribution isn't in the table as of the snapshot.
        """
        ids = [version.contribution_id for version in self._all(view, contribution_id)]
        return ids[: ids.index(str(contribution_id))]

    def _all(self, view: SnapshotView, contribution_id: UUID) -> list[Version]:
        if view.snapshot is None:
            raise ContributionNotFound(str(contribution_id))
        row = self._contributions.get(view, contribution_id, ["submitter_id", "ingest_id"])
        (key,) = row.to_pylist()
        return self._versions.of(view.table, view.snapshot, **key)

    def _placed(self, versions: Sequence[Version], current: Version) -> list[CommittedVersion]:
        numbers = [version.sequence_number for version in versions]
        with self._database.read() as connection:
            snapshots = ledger.by_sequence_numbers(connection, numbers)
        return [
            CommittedVersion(
                contribution_id=version.contribution_id,
                received_at=time_of(version.contribution_id),
                sequence_number=version.sequence_number,
                snapshot_id=snapshot.snapshot_id if snapshot else None,
                committed_at=snapshot.committed_at if snapshot else None,
                is_current=version == current,
            )
            for version in versions
            for snapshot in [snapshots.get(version.sequence_number)]
        ]
