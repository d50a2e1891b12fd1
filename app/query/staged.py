"""Reading the rows of a computed stage: those that filters select, as a stream or a page.

A stage has one row for each conversation, in its latest version. What it was computed from is an
earlier snapshot of the raw table, and what was hidden since is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In

from app.access.audience import OPERATOR, Audience
from app.query.filters import EXACT_COLUMNS, Filters, received_between
from app.query.pages import Page, first_of, first_rows_within, rows_after
from app.query.snapshots import Reference, Snapshots
from catalog.errors import NotFound
from catalog.membership import NO_IDS, without
from catalog.plans import EVERY_ROW
from catalog.records import time_of
from catalog.scan import schema_of
from catalog.schema import ID
from catalog.snapshots import Snapshot
from catalog.stage_tables import StageFile, StageReader, builds
from catalog.stages import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table

LANGUAGE: Final = "language"
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
        self, catalog: Callable[[], Catalog], snapshots: Snapshots, page_bytes: int
    ) -> None:
        """Read stages.

        Args:
            catalog: Returns the catalog with the tables of the stages.
            snapshots: Finds the snapshots that stages were computed from.
            page_bytes: The size in Arrow at which a page ends before its limit of rows.
        """
        self._catalog = catalog
        self._snapshots = snapshots
        self._page_bytes = page_bytes

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
            BuildNotFound: There is no such build any more, or not yet.
            SnapshotNotFound: No snapshot matches the reference.
            SnapshotNotPublic: The audience may not see the snapshot yet.
            TagNotFound: No snapshot has the tag.
        """
        moment = self._snapshots.find(reference, audience)
        table = load_table(self._catalog(), COMPUTED_STAGES[stage].rows)
        for build, source_id in builds(table):
            if snapshot_id not in {None, build}:
                continue
            source = self._snapshots.find(Reference(snapshot_id=source_id), OPERATOR)
            if source.sequence_number <= moment.sequence_number:
                hidden = self._snapshots.hidden(audience)
                return StageView(stage, build, source, StageReader(table, build), hidden)
        raise BuildNotFound(stage)

    def stream(
        self, view: StageView, filters: StageFilters, columns: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the selected rows, in their order; batches may be empty."""
        condition = filters.pushed_down()
        return _select(view, view.reader.files(condition), filters, columns, condition)

    def page(
        self,
        view: StageView,
        filters: StageFilters,
        limit: int,
        after: str | None,
        columns: Sequence[str],
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
            newest_first: Whether ids descend.
        """
        within = EVERY_ROW if after is None else rows_after(after, newest_first=newest_first)
        condition = And(filters.pushed_down(), within)
        ids = _first_ids(view, filters, condition, limit + 1, newest_first=newest_first)
        rows = self._rows(view, ids[:limit], columns, newest_first=newest_first)
        last_id = rows.column(ID)[-1].as_py() if rows.num_rows < len(ids) else None
        return Page(rows.select(schema_of(columns, view.reader.schema).names), last_id)

    def _rows(
        self, view: StageView, ids: pa.Array, columns: Sequence[str], *, newest_first: bool
    ) -> pa.Table:
        needed = list(dict.fromkeys([*columns, ID]))
        found = [schema_of(needed, view.reader.schema).empty_table()]
        if len(ids):
            bounds = pc.min_max(ids).as_py()
            end = time_of(bounds["max"]) + timedelta(milliseconds=1)
            received = received_between(time_of(bounds["min"]), end)
            condition = And(received, In(ID, ids.to_pylist()))
            files = view.reader.files(received)
            batches = view.reader.select(files, needed, condition)
            found += [pa.Table.from_batches([batch]) for batch in batches]
        order = "descending" if newest_first else "ascending"
        rows = pa.concat_tables(found).sort_by([(ID, order)])
        return first_rows_within(rows, self._page_bytes)


def _first_ids(
    view: StageView,
    filters: StageFilters,
    condition: BooleanExpression,
    limit: int,
    *,
    newest_first: bool,
) -> pa.Array:
    files = view.reader.files(condition)
    first = NO_IDS
    for file in reversed(files) if newest_first else files:
        if len(first) == limit and not _may_precede(file, first[-1].as_py(), newest_first):
            continue
        for batch in _select(view, [file], filters, [ID], condition):
            ids = pa.concat_arrays([first, batch.column(ID).cast(first.type)])
            first = first_of(ids, limit, newest_first=newest_first)
    return first


def _may_precede(file: StageFile, contribution_id: str, newest_first: bool) -> bool:
    """Tell whether a file may have an id that comes before another one.

    An id has the time of receipt in milliseconds, without what is below.
    """
    moment = time_of(contribution_id)
    if newest_first:
        return file.last >= moment
    return file.first < moment + timedelta(milliseconds=1)


def _select(
    view: StageView,
    files: Sequence[StageFile],
    filters: StageFilters,
    columns: Sequence[str],
    condition: BooleanExpression,
) -> Iterator[pa.RecordBatch]:
    conditions = filters.contributions
    needed = sorted({*columns, ID, *conditions.needed_columns})
    names = schema_of(columns, view.reader.schema).names
    for batch in view.reader.select(files, needed, condition):
        yield conditions.select(without(batch, view.hidden)).select(names)
