"""The versions of one conversation, each with the snapshot that added it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile, takewhile
from uuid import UUID

import pyarrow as pa

from app.query.contributions.reader import Contributions
from app.query.history.versions import Version, Versions
from app.query.snapshots import SnapshotView
from app.state import ledger
from app.state.db import Database
from catalog.reading.membership import NO_IDS, is_among
from catalog.records import time_of
from catalog.schema import ID, SEQUENCE_NUMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedVersion:
    """A version of a conversation, with the commit that added it to the lake.

    Attributes:
        contribution_id: The contribution's id.
        received_at: When the server received the contribution.
        sequence_number: The sequence number of the commit.
        snapshot_id: The snapshot of the commit; None if the ledger doesn't have it.
        committed_at: The time of the commit; None if the ledger doesn't have it.
        is_current: Whether this is the latest version as of the snapshot that is read.
    """

    contribution_id: str
    received_at: datetime
    sequence_number: int
    snapshot_id: int | None
    committed_at: datetime | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class LineagePage:
    """Some versions of a conversation.

    Attributes:
        versions: The versions, oldest first.
        last_id: The id of the last version, for the next page to begin after; None on the last
            page.
    """

    versions: Sequence[CommittedVersion]
    last_id: str | None


class Lineage:
    """Reads the versions of a conversation, and which of them superseded which."""

    def __init__(
        self, database: Database, contributions: Contributions, versions: Versions
    ) -> None:
        """Read lineages.

        Args:
            database: The database with the ledger of snapshots.
            contributions: Finds a contribution's conversation.
            versions: Finds the versions of a conversation.
        """
        self._database = database
        self._contributions = contributions
        self._versions = versions

    def page(
        self, view: SnapshotView, contribution_id: UUID, limit: int, after: str | None
    ) -> LineagePage:
        """Return a page of the versions of a contribution's conversation.

        Args:
            view: The table as of a snapshot.
            contribution_id: Any version of the conversation.
            limit: The largest number of versions to return.
            after: The last id of the page before; None begins with the oldest version.

        Raises:
            ContributionNotFound: The contribution isn't in the table as of the snapshot, or the
                view hides it.
        """
        versions = self._all(view, contribution_id)
        following = versions
        if after is not None:
            following = list(dropwhile(lambda old: old.contribution_id != after, versions))[1:]
        # A version that nobody sees still counts: what it replaced doesn't become current again.
        following = [version for version in following if not version.is_erased]
        following = _without_hidden(following, view)
        shown = following[:limit]
        more = len(following) > limit
        committed = self._with_commits(shown, current=versions[-1])
        return LineagePage(committed, shown[-1].contribution_id if more else None)

    def successor(self, view: SnapshotView, contribution_id: UUID) -> str | None:
        """Return the id of the version that superseded a contribution; None if it is the latest.

        Raises:
            ContributionNotFound: The contribution isn't in the table as of the snapshot.
        """
        ids = [version.contribution_id for version in self._all(view, contribution_id)]
        later = ids[ids.index(str(contribution_id)) + 1 :]
        return later[0] if later else None

    def superseded_by(
        self, view: SnapshotView, contribution_ids: Iterable[str]
    ) -> dict[str, list[str]]:
        """Return the ids of the versions before each of some contributions, oldest first.

        Args:
            view: The table as of a snapshot.
            contribution_ids: The contributions; those that the view doesn't have are left out.
        """
        found = self._contributions.find(view, contribution_ids, [ID, "conversation_id"])
        superseded: dict[str, list[str]] = {}
        for contribution_id, conversation_id in zip(*found.to_pydict().values(), strict=True):
            # A contribution that its sender can't replace is its own conversation, of one version.
            is_single = conversation_id == contribution_id
            versions = [] if is_single else self._versions.of(view, conversation_id)
            superseded[contribution_id] = _before(contribution_id, versions)
        return superseded

    def latest(self, view: SnapshotView, versions: Mapping[str, str]) -> set[str]:
        """Return those of some contributions that no later version has superseded.

        Args:
            view: The table as of a snapshot.
            versions: The conversation_id of each contribution, by its contribution_id.
        """
        several = {each for version, each in versions.items() if each != version}
        newest = {each: self._versions.of(view, each)[-1].contribution_id for each in several}
        return {
            version for version, each in versions.items() if newest.get(each, version) == version
        }

    def _all(self, view: SnapshotView, contribution_id: UUID) -> list[Version]:
        columns = ["conversation_id", SEQUENCE_NUMBER]
        row = self._contributions.get(view, contribution_id, columns).to_pylist()[0]
        if row["conversation_id"] == str(contribution_id):
            return [Version(str(contribution_id), row[SEQUENCE_NUMBER])]
        return self._versions.of(view, row["conversation_id"])

    def _with_commits(
        self, versions: Sequence[Version], current: Version
    ) -> list[CommittedVersion]:
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


def _before(contribution_id: str, versions: Sequence[Version]) -> list[str]:
    """Return the ids of the versions before a contribution, without those that were erased."""
    earlier = takewhile(lambda each: each.contribution_id != contribution_id, versions)
    return [version.contribution_id for version in earlier if not version.is_erased]


def _without_hidden(versions: Sequence[Version], view: SnapshotView) -> list[Version]:
    ids = pa.array([version.contribution_id for version in versions], NO_IDS.type)
    hidden = is_among(ids, view.hidden).to_pylist()
    return [version for version, is_hidden in zip(versions, hidden, strict=True) if not is_hidden]
