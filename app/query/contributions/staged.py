"""Reading the rows of a computed stage: those that filters select, as a stream or a page.

A stage has one row for each conversation, in its latest version. What it was computed from is an
earlier snapshot of the raw table, and what was hidden since is left out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import And, BooleanExpression, EqualTo

from app.access.visibility.audience import OPERATOR, Audience
from app.query.contributions.narrowing import Narrowing
from app.query.contributions.pages import (
    FirstIds,
    GoesOn,
    Page,
    always,
    first_rows_within,
    rows_after,
)
from app.query.contributions.selection import DayOfRows
from app.query.counts.rows import LANGUAGE
from app.query.filters import EXACT_COLUMNS, Filters
from app.query.snapshots import Reference, Snapshots
from app.state import thinned_builds
from app.state.db import Database
from app.state.thinned_builds import ThinnedBuild
from catalog.errors import Gone, NotFound
from catalog.reading.membership import without
from catalog.reading.plans import EVERY_ROW
from catalog.reading.scan import CandidateRows, schema_of
from catalog.records import greatest_id_at, least_id_at
from catalog.schema import ID
from catalog.snapshots import Snapshot, live_snapshot
from catalog.stages.builds import builds
from catalog.stages.files import StageFile
from catalog.stages.reader import StageReader
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table

LACKING: Final = {
    name: frozenset(EXACT_COLUMNS) - frozenset(tables.arrow_schema.names)
    for name, tables in COMPUTED_STAGES.items()
}
"""Columns that contributions are filtered by and that a stage doesn't have, by stage."""


class BuildNotFound(NotFound):
    """A computed stage has no build that can be read as of a moment."""

    def __init__(self, stage: ComputedStage) -> None:
        super().__init__(f"the stage {stage} has no build of this moment")
        self.stage = stage


class BuildGone(Gone):
    """The build of a computed stage that a moment had isn't kept any more."""

    def __init__(self, stage: ComputedStage, built_at: datetime) -> None:
        super().__init__(
            f"the build of {stage} of {built_at:%Y-%m-%d %H:%M} UTC isn't kept any more: a later "
            "build has replaced it"
        )
        self.stage = stage
        self.built_at = built_at


@dataclass(frozen=True, slots=True)
class StageView:
    """A computed stage as of a moment.

    Attributes:
        stage: The stage.
        snapshot_id: The snapshot of the stage's table.
        source: The snapshot of the raw table that the stage was computed from.
        reader: Reads the rows.
        hidden: The ids of contributions that the reader may not see, ascending.
    """

    stage: ComputedStage
    snapshot_id: int
    source: Snapshot
    reader: StageReader
    hidden: pa.Array


@dataclass(frozen=True, slots=True)
class StageFilters:
    """Conditions on the rows of a stage.

    Attributes:
        contributions: Conditions that contributions have as well, without one on the columns of
            `LACKING`.
        language: The language; None for any.
    """

    contributions: Filters
    language: str | None = None

    def pushed_down(self) -> BooleanExpression:
        """Return the conditions on whole columns, by which files and row groups are skipped."""
        condition = self.contributions.pushed_down()
        if self.language is not None:
            condition = And(condition, EqualTo(LANGUAGE, self.language))
        return condition


class StagedContributions:
    """Reads computed stages in bounded memory, however many rows they have."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        snapshots: Snapshots,
        page_bytes: int,
        narrowing: Narrowing,
    ) -> None:
        """Read stages.

        Args:
            database: Has the record of builds that were thinned.
            catalog: Returns the catalog with the tables of the stages.
            snapshots: Finds the snapshots that stages were computed from.
            page_bytes: The size in Arrow at which a page ends before its limit of rows.
            narrowing: Tells which files and rows may be selected.
        """
        self._database = database
        self._catalog = catalog
        self._snapshots = snapshots
        self._page_bytes = page_bytes
        self._narrowing = narrowing

    def view(
        self,
        stage: ComputedStage,
        reference: Reference,
        audience: Audience,
        snapshot_id: int | None = None,
    ) -> StageView:
        """Return the newest build of a stage whose source a moment has.

        Args:
            stage: The stage.
            reference: The moment of the lake.
            audience: Whom the stage is read for.
            snapshot_id: The snapshot of the stage's table that the build has to be; None for any.

        Raises:
            BuildNotFound: There is no such build, or not yet.
            BuildGone: There was one, and it was thinned.
            SnapshotNotFound: No snapshot matches the reference.
            SnapshotNotPublic: The audience may not see the snapshot yet.
            TagNotFound: No snapshot has the tag.
        """
        moment = self._snapshots.find(reference, audience)
        table = load_table(self._catalog(), COMPUTED_STAGES[stage].rows)
        for place, (build, source_id) in enumerate(builds(table)):
            if snapshot_id not in {None, build}:
                continue
            source = self._snapshots.find(Reference(snapshot_id=source_id), OPERATOR)
            if source.sequence_number <= moment.sequence_number:
                if place and snapshot_id is None:
                    # A release may keep an older build than the one that the moment had.
                    number = live_snapshot(table, build).sequence_number or 0
                    self._check_kept(stage, moment, number)
                hidden = self._snapshots.hidden(audience)
                return StageView(stage, build, source, StageReader(table, build), hidden)
        if snapshot_id is None:
            self._check_kept(stage, moment)
        else:
            with self._database.read() as connection:
                _refuse(stage, thinned_builds.by_id(connection, stage, snapshot_id))
        raise BuildNotFound(stage)

    def _check_kept(self, stage: ComputedStage, moment: Snapshot, after: int = 0) -> None:
        """Check that the newest build whose source a moment has wasn't thinned.

        Args:
            stage: The stage.
            moment: The snapshot of the raw table.
            after: The number of the stage's snapshot that is the newest of those that are kept.

        Raises:
            BuildGone: It was thinned.
        """
        with self._database.read() as connection:
            thinned = thinned_builds.newest_as_of(connection, stage, moment.sequence_number)
        if thinned is not None and thinned.sequence_number > after:
            _refuse(stage, thinned)

    def stream(
        self, view: StageView, filters: StageFilters, columns: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the selected rows, in their order; batches may be empty."""
        condition = filters.pushed_down()
        files = view.reader.files(condition)
        candidates = self._narrowing.candidates_in_stage(filters.contributions, filters.language)
        return _select(view, files, filters, columns, condition, candidates)

    def days(
        self,
        view: StageView,
        filters: StageFilters,
        columns: Sequence[str],
        within: BooleanExpression = EVERY_ROW,
        is_needed: Callable[[StageFile], bool] = lambda _: True,
        *,
        newest_first: bool,
    ) -> Iterator[DayOfRows]:
        """Yield each day that may have selected rows.

        Args:
            view: The stage as of a moment.
            filters: The conditions that rows meet.
            columns: The columns of the batches.
            within: A further condition that rows meet.
            is_needed: Tells whether a file is to be opened, when those before it were read.
            newest_first: Whether the newest day comes first, rather than the oldest.
        """
        condition = And(filters.pushed_down(), within)
        files = view.reader.files(condition)
        candidates = self._narrowing.candidates_in_stage(filters.contributions, filters.language)
        for day, found in groupby(
            files[::-1] if newest_first else files, key=lambda file: file.day
        ):
            of_day = list(found)
            needed = filter(is_needed, of_day)
            batches = _select(view, needed, filters, columns, condition, candidates)
            yield DayOfRows(day, sum(file.rows for file in of_day), batches)

    def page(
        self,
        view: StageView,
        filters: StageFilters,
        limit: int,
        after: str | None,
        columns: Sequence[str],
        goes_on: GoesOn = always,
        *,
        newest_first: bool = False,
    ) -> Page:
        """Return a page of the selected rows, in the order of their ids.

        Args:
            view: The stage as of a moment.
            filters: The conditions that rows meet.
            limit: The largest number of rows to return.
            after: The last id of the page before; None begins with the first row.
            columns: The columns, or fields of turns, to return.
            goes_on: Ends the search for rows before it has found enough.
            newest_first: Whether ids descend.
        """
        within = EVERY_ROW if after is None else rows_after(after, newest_first=newest_first)
        first = FirstIds(limit + 1, newest_first=newest_first)
        days = self.days(
            view,
            filters,
            [ID],
            within,
            lambda file: first.may_have(least_id_at(file.first), greatest_id_at(file.last)),
            newest_first=newest_first,
        )
        first.search(days, goes_on)
        rows = self._rows(view, first.ids[:limit], columns, newest_first=newest_first)
        return first.page(rows, schema_of(columns, view.reader.schema).names)

    def _rows(
        self, view: StageView, ids: pa.Array, columns: Sequence[str], *, newest_first: bool
    ) -> pa.Table:
        needed = list(dict.fromkeys([*columns, ID]))
        batches = view.reader.with_ids(ids.to_pylist(), needed)
        schema = schema_of(needed, view.reader.schema)
        order = "descending" if newest_first else "ascending"
        rows = pa.Table.from_batches(batches, schema).sort_by([(ID, order)])
        return first_rows_within(rows, self._page_bytes)


def _refuse(stage: ComputedStage, thinned: ThinnedBuild | None) -> None:
    if thinned is not None:
        raise BuildGone(stage, thinned.built_at)


def _select(
    view: StageView,
    files: Iterable[StageFile],
    filters: StageFilters,
    columns: Sequence[str],
    condition: BooleanExpression,
    candidates: CandidateRows,
) -> Iterator[pa.RecordBatch]:
    conditions = filters.contributions
    needed = sorted({*columns, ID, *conditions.needed_columns})
    names = schema_of(columns, view.reader.schema).names
    for batch in view.reader.select(files, needed, condition, candidates):
        yield conditions.select(without(batch, view.hidden)).select(names)
