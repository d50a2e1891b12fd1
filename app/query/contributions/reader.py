"""Reading the contributions of a snapshot: as a stream, a page, a count, or one by its id."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final
from uuid import UUID

import pyarrow as pa

from app.query.contributions.narrowing import Narrowing
from app.query.contributions.pages import GoesOn, Page, always, read_page, read_rows
from app.query.contributions.selection import Selection
from app.query.counts.summaries import Summaries
from app.query.filters import Filters
from app.query.replaced import ReplacedReader
from app.query.snapshots import SnapshotView
from catalog.errors import NotFound
from catalog.reading.membership import NO_IDS, is_among
from catalog.reading.scan import schema_of
from catalog.records import day_of
from catalog.schema import ARROW_SCHEMA, ID

EVERY_COLUMN: Final[Sequence[str]] = tuple(ARROW_SCHEMA.names)


class ContributionNotFound(NotFound):
    """No contribution has this id as of the snapshot."""

    def __init__(self, contribution_id: str) -> None:
        super().__init__(f"no contribution {contribution_id}")
        self.contribution_id = contribution_id


class Contributions:
    """Reads contributions in bounded memory, however many there are."""

    def __init__(
        self,
        replaced: ReplacedReader,
        summaries: Summaries,
        page_bytes: int,
        narrowing: Narrowing,
    ) -> None:
        """Read contributions.

        Args:
            replaced: Tells what later versions replaced.
            summaries: Counts without looking at each contribution, where that is possible.
            page_bytes: The size in Arrow at which a page ends before its limit of rows.
            narrowing: Tells by indexes which rows may be selected.
        """
        self._replaced = replaced
        self._summaries = summaries
        self._narrowing = narrowing
        self._page_bytes = page_bytes

    def stream(
        self, view: SnapshotView, filters: Filters, columns: Sequence[str] = EVERY_COLUMN
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the selected contributions, day by day; batches may be empty.

        The scan is planned in this call, so that what fails in planning fails before an answer
        begins.
        """
        return Selection.of(view, filters, self._replaced, self._narrowing).batches(columns)

    def count(self, view: SnapshotView, filters: Filters) -> int:
        """Return how many contributions are selected."""
        if Summaries.can_count(filters):
            return self._summaries.count(view, filters)
        selection = Selection.of(view, filters, self._replaced, self._narrowing)
        return sum(batch.num_rows for batch in selection.batches([ID]))

    def page(
        self,
        view: SnapshotView,
        filters: Filters,
        limit: int,
        after: str | None,
        columns: Sequence[str] = EVERY_COLUMN,
        goes_on: GoesOn = always,
        *,
        newest_first: bool = False,
    ) -> Page:
        """Return a page of the selected contributions, in the order of their ids.

        The page ends early when its rows reach `page_bytes`, but has at least one row if there are
        any.

        Args:
            view: The table as of a snapshot.
            filters: The conditions that contributions meet.
            limit: The largest number of contributions to return.
            after: The last id of the page before; None begins with the first contribution.
            columns: The columns to return.
            goes_on: Ends the search for contributions before it has found enough.
            newest_first: Whether ids descend.
        """
        selection = Selection.of(view, filters, self._replaced, self._narrowing)
        return read_page(
            selection, columns, limit, after, self._page_bytes, goes_on, newest_first=newest_first
        )

    def get(
        self, view: SnapshotView, contribution_id: UUID, columns: Sequence[str] = EVERY_COLUMN
    ) -> pa.Table:
        """Return some columns of one contribution, as a table of one row.

        A contribution that a later version superseded is found too.

        Raises:
            ContributionNotFound: The contribution isn't in the table as of the snapshot, or the
                view hides it.
        """
        wanted = pa.array([str(contribution_id)], NO_IDS.type)
        if is_among(wanted, view.hidden)[0].as_py():
            raise ContributionNotFound(str(contribution_id))
        needed = list(dict.fromkeys([*columns, ID]))
        try:
            rows = read_rows(view, wanted, needed, self._page_bytes)
        except OverflowError as error:
            # The time in the id is beyond the calendar, so no server made this id.
            raise ContributionNotFound(str(contribution_id)) from error
        if not rows.num_rows:
            raise ContributionNotFound(str(contribution_id))
        return rows.select(list(columns))

    def find(
        self, view: SnapshotView, contribution_ids: Iterable[str], columns: Sequence[str]
    ) -> pa.Table:
        """Return small columns of those of some contributions that a view has, by their ids.

        Args:
            view: The table as of a snapshot.
            contribution_ids: The contributions, in any order.
            columns: The columns to return; `contribution_id` has to be one of them.
        """
        # By days: the files between the first and the last id may be all files of the lake.
        found = [schema_of(columns).empty_table()]
        for _, of_day in groupby(sorted(set(contribution_ids)), key=day_of):
            ids = pa.array(of_day, NO_IDS.type)
            # No server made an id whose time is beyond the calendar.
            with suppress(OverflowError):
                found.append(read_rows(view, ids, columns, sys.maxsize))
        return pa.concat_tables(found)
