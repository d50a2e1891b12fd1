"""Withdrawing: contributors take down what is theirs."""

from collections.abc import Callable
from typing import Final

import pyarrow as pa

from app.access.takedowns import Takedown, TakedownKind, Takedowns
from app.ingest.pending import Pending
from app.query.contributions import ContributionNotFound
from app.query.pages import read_rows
from app.query.snapshots import SnapshotView
from app.takedown.service import TakedownService
from catalog.membership import NO_IDS
from catalog.schema import ID

_CONTRIBUTOR_ID: Final = "contributor_id"


def requester(contributor_id: str) -> str:
    """Return what records of takedowns call a contributor who asked."""
    return f"contributor:{contributor_id}"


class Withdrawals:
    """Takes down what a contributor owns, and nothing else."""

    def __init__(
        self,
        service: TakedownService,
        takedowns: Takedowns,
        pending: Pending,
        newest: Callable[[], SnapshotView],
    ) -> None:
        """Take down for contributors.

        Args:
            service: Takes down.
            takedowns: The takedowns of the lake.
            pending: Finds what isn't in the table yet.
            newest: Returns the raw table as it is now, with what is hidden.
        """
        self._service = service
        self._takedowns = takedowns
        self._pending = pending
        self._newest = newest

    def withdraw(self, contributor_id: str, contribution_id: str) -> Takedown:
        """Take down a contribution with the versions that it superseded.

        Withdrawing it again returns the same takedown.

        Args:
            contributor_id: Whoever asks.
            contribution_id: The contribution.

        Raises:
            ContributionNotFound: They have no such contribution, whoever else may have it.
        """
        if self._contributor_of(contribution_id) == contributor_id:
            return self._request("contribution", contribution_id, contributor_id)
        earlier = self._takedowns.of("contribution", contribution_id)
        if earlier is None or earlier.requested_by != requester(contributor_id):
            raise ContributionNotFound(contribution_id)
        return earlier

    def withdraw_all(self, contributor_id: str) -> Takedown:
        """Take down everything of a contributor.

        When they have nothing any more, the takedown of before is returned.

        Args:
            contributor_id: Whoever asks.

        Raises:
            NothingToTakeDown: They never had anything.
        """
        return self._request("contributor", contributor_id, contributor_id)

    def _request(self, kind: TakedownKind, identifier: str, contributor_id: str) -> Takedown:
        (takedown,) = self._service.request(
            kind, [identifier], reason=None, requested_by=requester(contributor_id)
        )
        return takedown

    def _contributor_of(self, contribution_id: str) -> str | None:
        """Return the contributor of a contribution; None when it has none or isn't there."""
        # The journal first: what is committed meanwhile is in the table that is read afterwards.
        pending = self._pending.matching(ID, [contribution_id])
        wanted = pa.array([contribution_id], NO_IDS.type)
        committed = read_rows(self._newest(), wanted, [ID, _CONTRIBUTOR_ID], max_bytes=1)
        for rows in (pending, committed):
            for contributor_id in rows[_CONTRIBUTOR_ID].to_pylist():
                return contributor_id
        return None
