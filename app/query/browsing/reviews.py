"""What moderators look at: contributions that wait for a decision, with all that is known of them.

They see the text as it was sent, also while the public doesn't.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pyarrow as pa
from pyiceberg.catalog import Catalog

from app.access.moderation.log import LogEntry
from app.access.moderation.quarantine import Cause, State
from app.access.moderation.reports import SHOWN_OF_A_REASON, Report
from app.access.moderation.service import Moderation
from app.access.visibility.audience import MODERATORS
from app.query.contributions.reader import ContributionNotFound, Contributions
from app.query.snapshots import Reference, Snapshots, SnapshotView
from catalog.schema import ID
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table

_LOG_ENTRIES: Final = 100
"""Newest decisions that are shown of a contribution."""
_LISTED_OF_A_REASON: Final = 3
"""Oldest reports for one reason that a list shows of a contribution."""
_SCORES: Final = "scores"


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer says of a contribution.

    Attributes:
        scorer: Name of the scorer.
        version: Version of the scorer.
        category: What the score is of; None if the scorer couldn't be asked.
        score: The highest of a turn, 0 to 1; None if the scorer couldn't be asked.
    """

    scorer: str
    version: str
    category: str | None
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A contribution, as a moderator sees it.

    Attributes:
        contribution_id: The contribution.
        causes: Why it is in quarantine, in order of time; none if it isn't.
        reports: What readers have against it, oldest first; of each reason, a few of the oldest.
        open_reports: How many reports wait for a decision, by reason.
        scores: What scorers say of it, as of the newest build of `cleaned`; none if that build
            doesn't have it, such as when it was hidden before.
        log: The newest decisions about it, newest first.
        contribution: The contribution, as a table of one row; None if the lake doesn't have it.
    """

    contribution_id: str
    causes: Sequence[Cause]
    reports: Sequence[Report]
    open_reports: Mapping[str, int]
    scores: Sequence[Score]
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
        catalog: Callable[[], Catalog],
        page_bytes: int,
    ) -> None:
        """Read reviews.

        Args:
            moderation: Knows what waits, and why.
            snapshots: Finds the newest snapshot.
            contributions: Reads contributions.
            catalog: Returns the catalog with the tables of the stages.
            page_bytes: The size in Arrow at which a page ends before its limit.
        """
        self._moderation = moderation
        self._snapshots = snapshots
        self._contributions = contributions
        self._catalog = catalog
        self._page_bytes = page_bytes

    def page(
        self,
        limit: int,
        after: str | None = None,
        state: State | None = None,
        min_reports: int = 1,
    ) -> ReviewPage:
        """Return a page of the contributions that wait, in the order of receipt.

        Args:
            limit: The largest number of contributions to return.
            after: The id after which the page begins; None begins with the oldest contribution.
            state: What to list: what is hidden, or what is only reported; None for both.
            min_reports: The least number of reports that wait, of what is only reported.
        """
        ids = self._moderation.quarantine.waiting(limit + 1, after, state, min_reports)
        reviews: list[Review] = []
        size_bytes = 0
        for review in self._reviews(ids[:limit], _LISTED_OF_A_REASON):
            size_bytes += review.contribution.nbytes if review.contribution else 0
            size_bytes += sum(len((each.comment or "").encode()) for each in review.reports)
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
        (review,) = self._reviews([str(contribution_id)], SHOWN_OF_A_REASON)
        if review.contribution is None:
            raise ContributionNotFound(review.contribution_id)
        return review

    def _reviews(self, ids: Sequence[str], most_of_a_reason: int) -> Iterator[Review]:
        view = self._snapshots.view(Reference(), MODERATORS)
        causes = self._moderation.quarantine.causes_of(ids)
        scores = self._scores_of(ids)
        for each in ids:
            yield Review(
                contribution_id=each,
                causes=causes.get(each, ()),
                reports=self._moderation.reports.of([each], most_of_a_reason).get(each, ()),
                open_reports=self._moderation.reports.open_numbers(each),
                scores=scores.get(each, ()),
                log=self._moderation.log.page(_LOG_ENTRIES, identifier=each),
                contribution=self._row(view, each),
            )

    def _scores_of(self, ids: Sequence[str]) -> dict[str, list[Score]]:
        """Return the scores of contributions that the newest build of `cleaned` has."""
        table = load_table(self._catalog(), COMPUTED_STAGES["cleaned"].rows)
        snapshot = table.current_snapshot()
        if snapshot is None or _SCORES not in table.schema().column_names:
            return {}
        try:
            return {
                row[ID]: [Score(**each) for each in row[_SCORES] or ()]
                for batch in stage_rows(table, snapshot.snapshot_id, [ID, _SCORES], ids)
                for row in batch.to_pylist()
            }
        except OverflowError:
            # The time in an id is beyond the calendar, so no server made it.
            return {}

    def _row(self, view: SnapshotView, contribution_id: str) -> pa.Table | None:
        with suppress(ContributionNotFound):
            return self._contributions.get(view, UUID(contribution_id))
        return None
