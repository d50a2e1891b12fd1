"""Withdrawing: contributors take down what is theirs."""

from app.access.takedowns.records import Takedown, TakedownKind, requester
from app.access.takedowns.register import Takedowns
from app.query.contributions.reader import ContributionNotFound
from app.takedown.finding import Finder
from app.takedown.service import TakedownService


class Withdrawals:
    """Takes down what a contributor owns, and nothing else."""

    def __init__(self, service: TakedownService, takedowns: Takedowns, finder: Finder) -> None:
        """Take down for contributors.

        Args:
            service: Takes down.
            takedowns: The takedowns of the lake.
            finder: Tells whose a contribution is.
        """
        self._service = service
        self._takedowns = takedowns
        self._finder = finder

    def withdraw(self, contributor_id: str, contribution_id: str) -> Takedown:
        """Take down a contribution with the versions that it superseded.

        Withdrawing it again returns the same takedown.

        Args:
            contributor_id: Whoever asks.
            contribution_id: The contribution.

        Raises:
            ContributionNotFound: They have no such contribution, whoever else may have it.
        """
        if self._finder.contributor_of(contribution_id) == contributor_id:
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
