"""Pages of contributions in the order of their ids, which is the order of receipt.

The ids of a page are found first, from no more days than needed, and then its rows are read. The
next page begins after the last id of the page before, so a client can page through one snapshot
while the lake changes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import (
    And,
    BooleanExpression,
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    LessThan,
    LessThanOrEqual,
)

from app.query.contributions.selection import DayOfRows, Selection
from app.query.filters import received_between
from app.query.snapshots import SnapshotView
from catalog.reading.fragments import BATCH_ROWS
from catalog.reading.membership import NO_IDS
from catalog.reading.plans import EVERY_ROW, DataFile
from catalog.reading.scan import CandidateRows, all_rows, day_bounds, read, schema_of
from catalog.records import greatest_id_at, least_id_at, time_of
from catalog.schema import ID

_FIRST_BATCH_ROWS: Final = 1024
"""Rows that are decoded at once for what ends before the last row of a file.

The newest rows are the last of a file, so nothing after them is spared.
"""


@dataclass(frozen=True, slots=True)
class Page:
    """Some contributions in the order of their ids.

    Attributes:
        rows: The contributions, with the columns that were asked for.
        last_id: The id after which the next page begins; None on the last page.
        next_day: The day of receipt (UTC) with which the next page begins, where the search ended
            before it had looked at all days; else None.
    """

    rows: pa.Table
    last_id: str | None
    next_day: date | None = None


GoesOn = Callable[[int], bool]
"""Tells before each day but the first whether to look at it, too.

It is given the number of rows of the files that were opened so far.
"""


def always(_rows: int) -> bool:
    """Tell that a search goes on until it has all that it looks for."""
    return True


def read_page(
    selection: Selection,
    columns: Sequence[str],
    limit: int,
    after: str | None,
    max_bytes: int,
    goes_on: GoesOn = always,
    *,
    newest_first: bool,
) -> Page:
    """Return the selected contributions that come next after an id.

    Args:
        selection: The contributions to choose from.
        columns: The columns, or fields of turns, to return.
        limit: The largest number of contributions to return.
        after: The last id of the page before; None begins with the first contribution.
        max_bytes: The size in Arrow at which the page ends early; it has at least one row if there
            are any.
        goes_on: Ends the search before it has found enough.
        newest_first: Whether ids descend.
    """
    within = EVERY_ROW if after is None else rows_after(after, newest_first=newest_first)
    first = FirstIds(limit + 1, newest_first=newest_first)
    days = selection.days(
        [ID],
        within,
        lambda file: first.may_have(file.least_id, file.greatest_id),
        newest_first=newest_first,
    )
    first.search(days, goes_on)
    needed = list(dict.fromkeys([*columns, ID]))
    rows = read_rows(
        selection.view,
        first.ids[:limit],
        needed,
        max_bytes,
        newest_first=newest_first,
        candidates=selection.candidates,
        # The view has planned these for the search.
        files=selection.view.files(And(selection.condition, within)),
    )
    return first.page(rows, columns=schema_of(columns).names)


def read_rows(
    view: SnapshotView,
    ids: pa.Array,
    columns: Sequence[str],
    max_bytes: int,
    *,
    newest_first: bool = False,
    candidates: CandidateRows = all_rows,
    files: Iterable[DataFile] | None = None,
) -> pa.Table:
    """Return the rows with some ids, as many as come to `max_bytes` and at least one.

    Args:
        view: The table as of a snapshot.
        ids: The contribution_ids, in the order in which rows are returned.
        columns: The columns to return; `contribution_id` has to be one of them.
        max_bytes: The size in Arrow after which rows are left out.
        newest_first: Whether ids descend.
        candidates: Tells which rows of a file may have one of the ids.
        files: The files that may have the ids; None to plan them.
    """
    rows = schema_of(columns).empty_table()
    if not len(ids):
        return rows
    order = "descending" if newest_first else "ascending"
    wanted = ids.to_pylist()
    planned = view.files(_with_ids_like(ids)) if files is None else files
    opened = _files_with(planned, sorted(wanted))
    batch_rows = BATCH_ROWS if newest_first else _FIRST_BATCH_ROWS
    for batch in read(view.table, opened, columns, In(ID, wanted), candidates, batch_rows):
        wanted = batch.filter(pc.is_in(batch.column(ID), ids))
        if not wanted.num_rows:
            continue
        rows = pa.concat_tables([rows, pa.Table.from_batches([wanted])]).sort_by([(ID, order)])
        if rows.nbytes > max_bytes:
            rows = first_rows_within(rows, max_bytes)
            # Rows beyond the last one that fits stay out, also if a later file has them.
            is_within = pc.greater_equal if newest_first else pc.less_equal
            ids = ids.filter(is_within(ids, rows.column(ID)[-1]))
        if rows.num_rows == len(ids):
            break
    return rows


def _with_ids_like(ids: pa.Array) -> BooleanExpression:
    """Return the condition that an id lies between the least and the greatest of some.

    An id contains the time of receipt, so only the files of those days are planned.
    """
    bounds = pc.min_max(ids).as_py()
    first, last = bounds["min"], bounds["max"]
    received = received_between(time_of(first), time_of(last) + timedelta(milliseconds=1))
    return And(received, _between(first, last))


def _files_with(files: Iterable[DataFile], ids: Sequence[str]) -> list[DataFile]:
    """Return those files that may have one of some ids, which ascend."""
    return [
        file
        for file in files
        if (next_id := bisect_left(ids, file.least_id)) < len(ids)
        and (file.greatest_id is None or ids[next_id] <= file.greatest_id)
    ]


class FirstIds:
    """The ids that come first in a list, as a search finds them day by day.

    Attributes:
        ids: The ids that were found, in the order of the list.
    """

    def __init__(self, limit: int, *, newest_first: bool) -> None:
        """Look for ids.

        Args:
            limit: How many are looked for: one more than a page has, which tells of a next page.
            newest_first: Whether ids descend.
        """
        self.ids = NO_IDS
        self._limit = limit
        self._newest_first = newest_first
        self._next_day: date | None = None

    def search(self, days: Iterable[DayOfRows], goes_on: GoesOn) -> None:
        """Look at days until there are enough ids, or the search is to end.

        Args:
            days: The days in the order of the list, with batches of their ids.
            goes_on: Ends the search.
        """
        rows = 0
        for place, each in enumerate(days):
            if place and not goes_on(rows):
                self._next_day = each.day
                return
            rows += each.rows
            for batch in each.batches:
                ids = pa.concat_arrays([self.ids, batch.column(ID).cast(NO_IDS.type)])
                self.ids = _first_of(ids, self._limit, newest_first=self._newest_first)
            if len(self.ids) == self._limit:
                return

    def may_have(self, least_id: str, greatest_id: str | None) -> bool:
        """Tell whether ids between two bounds may come before the last one that was found.

        Args:
            least_id: The lower bound.
            greatest_id: The upper bound; None without one.
        """
        if len(self.ids) < self._limit:
            return True
        last: str = self.ids[-1].as_py()
        if self._newest_first:
            return greatest_id is None or greatest_id >= last
        return least_id <= last

    def page(self, rows: pa.Table, columns: Sequence[str]) -> Page:
        """Return the page of the rows with these ids.

        Args:
            rows: The rows of the page, which may be fewer than there are ids.
            columns: The columns of the page.
        """
        found = rows.select(columns)
        if rows.num_rows < len(self.ids):
            return Page(found, rows.column(ID)[-1].as_py())
        if self._next_day is None:
            return Page(found, None)
        start, end = day_bounds(self._next_day, self._next_day)
        if self._newest_first:
            return Page(found, least_id_at(end), self._next_day)
        return Page(found, greatest_id_at(start - timedelta(milliseconds=1)), self._next_day)


def _first_of(ids: pa.Array, limit: int, *, newest_first: bool) -> pa.Array:
    """Return those of some ids that come first, in their order.

    Args:
        ids: The ids, in any order.
        limit: The largest number of ids to return.
        newest_first: Whether ids descend.
    """
    order = [("", "descending" if newest_first else "ascending")]
    return ids.take(pc.select_k_unstable(ids, limit, order))


def rows_after(contribution_id: str, *, newest_first: bool) -> BooleanExpression:
    """Return the condition that a row comes after an id in a list.

    Args:
        contribution_id: The id.
        newest_first: Whether the list begins with the newest contribution.
    """
    moment = time_of(contribution_id).isoformat()
    if newest_first:
        return And(LessThanOrEqual("received_at", moment), LessThan(ID, contribution_id))
    return And(GreaterThanOrEqual("received_at", moment), GreaterThan(ID, contribution_id))


def first_rows_within(rows: pa.Table, max_bytes: int) -> pa.Table:
    """Return the first rows that come to `max_bytes` of Arrow at most, but at least one row."""
    sizes = accumulate(rows.slice(row, 1).nbytes for row in range(rows.num_rows))
    return rows.slice(0, max(1, sum(size <= max_bytes for size in sizes)))


def _between(first: str, last: str) -> BooleanExpression:
    if first == last:
        return EqualTo(ID, first)
    return And(GreaterThanOrEqual(ID, first), LessThanOrEqual(ID, last))
