"""What a page of contributions shows: excerpts of the raw table or of a stage, with counts.

A search may have to look at all texts of the lake, as long as these aren't indexed. A page shows
what it found within a limit of time instead, and from which day on the search can be continued.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from time import monotonic
from typing import Final

import pyarrow as pa

from app.access.visibility.audience import Audience
from app.query.browsing import excerpts
from app.query.browsing.excerpts import Excerpt
from app.query.contributions.pages import GoesOn, Page
from app.query.contributions.reader import EVERY_COLUMN, Contributions
from app.query.contributions.staged import StagedContributions, StageFilters, StageView
from app.query.counts.rows import LANGUAGE
from app.query.filters import Filters
from app.query.snapshots import Reference, Snapshots
from app.query.statistics.facets import FacetCounts, Facets
from catalog.reading.scan import schema_of
from catalog.schema import ROW_GROUP_ROWS
from catalog.snapshots import Snapshot
from catalog.stages.tables import ComputedStage, Stage

SEARCH_S: Final = 0.25
"""Time after which a page looks at no other day for contributions."""
COUNT_S: Final = 2.0
"""Time after which contributions of no other day are counted."""
FEWEST_ROWS: Final = 2 * ROW_GROUP_ROWS
"""Rows that are looked at in any case, however long it takes.

So a small lake has whole pages and counts on a busy machine, too.
"""
_STAGE_COLUMNS: Final = (*excerpts.COLUMNS, LANGUAGE)


@dataclass(frozen=True, slots=True)
class Question:
    """Which contributions somebody wants to see.

    Attributes:
        stage: The stage.
        reference: The moment.
        filters: The conditions; those of `raw` have no language.
        build: The snapshot of the stage's table, for the next pages of a list; None for the newest
            build that the moment has, and for `raw`.
    """

    stage: Stage
    reference: Reference = field(default_factory=Reference)
    filters: StageFilters = field(default_factory=lambda: StageFilters(Filters()))
    build: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of contributions.

    Attributes:
        excerpts: The contributions.
        snapshot: The snapshot of the raw table that they were read from, or that the stage was
            computed from; None while the lake is empty.
        place: The id of the snapshot that the next page is read from: of the raw table, or of the
            stage's; None while the lake is empty.
        last_id: The id after which the next page begins; None on the last page.
        next_day: The day of receipt (UTC) with which the next page begins, where the time for the
            search was over before it had looked at all days; else None.
        counts: Counts of all that is selected; None where they take long, see `Explorer.count`.
    """

    excerpts: list[Excerpt]
    snapshot: Snapshot | None
    place: int | None
    last_id: str | None
    next_day: date | None
    counts: FacetCounts | None


@dataclass(frozen=True, slots=True)
class Rows:
    """All contributions that were asked for.

    Attributes:
        batches: The rows, of which batches may be empty.
        schema: The schema of the rows.
        snapshot: The snapshot of the raw table that they were read from, or that the stage was
            computed from.
    """

    batches: Iterator[pa.RecordBatch]
    schema: pa.Schema
    snapshot: Snapshot | None


class Explorer:
    """Shows contributions of the raw table and of the computed stages in the same way."""

    def __init__(
        self,
        snapshots: Snapshots,
        contributions: Contributions,
        staged: StagedContributions,
        facets: Facets,
        search_s: float = SEARCH_S,
        count_s: float = COUNT_S,
    ) -> None:
        """Show contributions.

        Args:
            snapshots: Finds the snapshots of the raw table.
            contributions: Reads the raw table.
            staged: Reads the computed stages.
            facets: Counts.
            search_s: Time after which a page looks at no other day for contributions.
            count_s: Time after which contributions of no other day are counted.
        """
        self._snapshots = snapshots
        self._contributions = contributions
        self._staged = staged
        self._facets = facets
        self._search_s = search_s
        self._count_s = count_s

    def page(
        self,
        question: Question,
        audience: Audience,
        limit: int,
        after: str | None,
        *,
        newest_first: bool,
    ) -> Found:
        """Return a page of what is asked for.

        Args:
            question: The contributions.
            audience: Whom they are shown to.
            limit: The largest number of contributions to return.
            after: The last id of the page before; None for the first page.
            newest_first: Whether the newest come first.

        Raises:
            BuildNotFound: The stage has no such build.
            BuildGone: The build was thinned.
            SnapshotNotFound: No snapshot matches the reference.
            SnapshotNotPublic: The audience may not see the snapshot yet.
            TagNotFound: No snapshot has the tag.
        """
        filters = question.filters
        if question.stage == "raw":
            view = self._snapshots.view(question.reference, audience)
            found = self._contributions.page(
                view,
                filters.contributions,
                limit,
                after,
                excerpts.COLUMNS,
                _within(self._search_s),
                newest_first=newest_first,
            )
            is_quick = self._facets.is_quick(view, filters.contributions)
            counts = self._facets.count(view, filters.contributions) if is_quick else None
            place = view.snapshot.snapshot_id if view.snapshot else None
            return _found(found, filters, view.snapshot, place, counts)
        staged = self._staged_view(question, question.stage, audience)
        found = self._staged.page(
            staged,
            filters,
            limit,
            after,
            _STAGE_COLUMNS,
            _within(self._search_s),
            newest_first=newest_first,
        )
        is_quick = self._facets.is_quick_in(staged, filters)
        counts = self._facets.count_stage(staged, filters) if is_quick else None
        return _found(found, filters, staged.source, staged.snapshot_id, counts)

    def count(self, question: Question, audience: Audience) -> FacetCounts:
        """Count what is asked for, by looking at each contribution where it has to be.

        Within `count_s`, that is; the newest are counted first.

        Raises:
            LakeError: What `page` raises.
        """
        if question.stage == "raw":
            view = self._snapshots.view(question.reference, audience)
            goes_on = _within(self._count_s)
            return self._facets.count(view, question.filters.contributions, goes_on)
        staged = self._staged_view(question, question.stage, audience)
        return self._facets.count_stage(staged, question.filters, _within(self._count_s))

    def rows(self, question: Question, audience: Audience) -> Rows:
        """Return all that is asked for, with every column.

        Raises:
            LakeError: What `page` raises.
        """
        if question.stage == "raw":
            view = self._snapshots.view(question.reference, audience)
            batches = self._contributions.stream(view, question.filters.contributions)
            return Rows(batches, schema_of(EVERY_COLUMN), view.snapshot)
        staged = self._staged_view(question, question.stage, audience)
        schema = staged.reader.schema
        batches = self._staged.stream(staged, question.filters, schema.names)
        return Rows(batches, schema, staged.source)

    def _staged_view(
        self, question: Question, stage: ComputedStage, audience: Audience
    ) -> StageView:
        return self._staged.view(stage, question.reference, audience, question.build)


def _within(seconds: float) -> GoesOn:
    """Return what goes on for some seconds from now, and for `FEWEST_ROWS` in any case."""
    end = monotonic() + seconds
    return lambda rows: rows < FEWEST_ROWS or monotonic() < end


def _found(
    page: Page,
    filters: StageFilters,
    snapshot: Snapshot | None,
    place: int | None,
    counts: FacetCounts | None,
) -> Found:
    shown = excerpts.excerpts(page.rows, filters.contributions.q)
    return Found(shown, snapshot, place, page.last_id, page.next_day, counts)
