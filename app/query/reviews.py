"""What moderators look at: contributions that wait for a decision, with all that is known of them.

They see the text as it was sent, also while the public doesn't.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import pyarrow as pa

from app.access.audience import MODERATORS
from app.access.moderation.log import LogEntry
from app.access.moderation.quarantine import Cause, State
from app.access.moderation.reports import Report
from app.access.moderation.service import Moderation
from app.query.contributions import ContributionNotFound, Contributions
from app.query.snapshots import Reference, Snapshots, SnapshotView

_LOG_ENTRIES = 100
"""Newest decisions that are shown of a contribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A contribution, as a moderator sees it.

    Attributes:
        contribution_id: The contribution.
        causes: Why it is in quarantine, in order of time; none if it isn't.
        reports: What readers have against it, oldest first.
        log: The newest decisions about it, newest first.
        contribution: The contribution, as a table of one row; None if the lake doesn't have it.
    """

    contribution_id: str
    causes: Sequence[Cause]
    reports: Sequence[Report]
    log: Sequence[LogEntry]
    contribution: pa.Table | None


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Some of the contributions that wait for a decision.

    Attributes:
        reviews: The contributions, in the order of receipt.
        last_id: The id of the last one, for the next page to begin after; None on the last page.
    """

    reviews: Sequence[Review]
    last_id: str | None


class Reviews:
    """Reads what waits for a decision."""

    def __init__(
        self,
        moderation: Moderation,
        snapshots: Snapshots,
        contributions: Contributions,
        page_bytes: int,
    ) -> None:
        """Read reviews.

        Args:
            moderation: Knows what waits, and why.
            snapshots: Finds the newest snapshot.
            contributions: Reads contributions.
            page_bytes: The size in Arrow at which a page ends before its limit.
        """
        self._moderation = moderation
        self._snapshots = snapshots
        self._contributions = contributions
        self._page_bytes = page_bytes

    def page(self, limit: int, after: str | None = None, state: State | None = None) -> ReviewPage:
        """Return a page of the contributions that wait, in the order of receipt.

        Args:
            limit: The largest number of contributions to return.
            after: The id after which the page begins; None begins with the oldest contribution.
            state: What to list: what is hidden, or what is only reported; None for both.
        """
        ids = self._moderation.quarantine.waiting(limit + 1, after, state)
        reviews: list[Review] = []
        size_bytes = 0
        for review in self._reviews(ids[:limit]):
            size_bytes += review.contribution.nbytes if review.contribution else 0
            if reviews and size_bytes > self._page_bytes:
                break
            reviews.append(review)
        more = len(reviews) < len(ids)
        return ReviewPage(reviews, reviews[-1].contribution_id if more else None)

    def find(self, contribution_id: UUID) -> Review:
        """Return one contribution, whether it waits for a decision or not.

        Raises:
            ContributionNotFound: The lake doesn't have it.
        """
        (review,) = self._reviews([str(contribution_id)])
        if review.contribution is None:
            raise ContributionNotFound(review.contribution_id)
        return review

    def _reviews(self, ids: Sequence[str]) -> Iterator[Review]:
        view = self._snapshots.view(Reference(), MODERATORS)
        causes = self._moderation.quarantine.causes_of(ids)
        reports = self._moderation.reports.of(ids)
        for each in ids:
            yield Review(
                contribution_id=each,
                causes=causes.get(each, ()),
                reports=reports.get(each, ()),
                log=self._moderation.log.page(_LOG_ENTRIES, identifier=each),
                contribution=self._row(view, each),
            )

    def _row(self, view: SnapshotView, contribution_id: str) -> pa.Table | None:
        with suppress(ContributionNotFound):
            return self._contributions.get(view, UUID(contribution_id))
        return None
