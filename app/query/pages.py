"""Pages of contributions in the order of receipt, which is that of their ids.

Finding a page reads ids alone, and no more days than it takes; its rows are read then. A page goes
on after the last id of the page before, so it is found again wherever the lake has moved on to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import (
    And,
    BooleanExpression,
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
)

from app.query.filters import received_between
from app.query.selection import Selection, files_of
from app.query.snapshots import SnapshotView
from catalog.membership import ID, NO_IDS
from catalog.records import time_of
from catalog.scan import EVERY_ROW, read, schema_of


@dataclass(frozen=True, slots=True)
class Page:
    """Some contributions in the order of their ids, which is that of receipt.

    Attributes:
        rows: The contributions, with the columns that were asked for.
        last_id: Where the next page goes on; None when this is the last.
    """

    rows: pa.Table
    last_id: str | None


def read_page(
    selection: Selection,
    columns: Sequence[str],
    limit: int,
    after: str | None,
    max_bytes: int,
    *,
    newest_first: bool,
) -> Page:
    """Return the first selected contributions after an id, in the order of ids or against it.

    There are `limit` of them, or fewer where they come to `max_bytes`, but at least one.
    """
    ids = _first_ids(selection, limit + 1, after, newest_first=newest_first)
    needed = list(dict.fromkeys([*columns, ID]))
    rows = read_rows(selection.view, ids[:limit], needed, max_bytes, newest_first=newest_first)
    more = rows.num_rows < len(ids)
    return Page(rows.select(list(columns)), rows.column(ID)[-1].as_py() if more else None)


def read_rows(
    view: SnapshotView,
    ids: pa.Array,
    columns: Sequence[str],
    max_bytes: int,
    *,
    newest_first: bool = False,
) -> pa.Table:
    """Return the rows of some ids in the order of ids or against it, as many as fit and one."""
    rows = schema_of(columns).empty_table()
    if not len(ids):
        return rows
    order = "descending" if newest_first else "ascending"
    bounds = pc.min_max(ids).as_py()
    first, last = bounds["min"], bounds["max"]
    # An id carries its time of receipt, so only the files of that time are opened.
    received = received_between(time_of(first), time_of(last) + timedelta(milliseconds=1))
    condition = And(received, _between(first, last))
    for batch in read(view.table, files_of(view, condition), columns, condition):
        wanted = batch.filter(pc.is_in(batch.column(ID), ids))
        rows = pa.concat_tables([rows, pa.Table.from_batches([wanted])]).sort_by([(ID, order)])
        if rows.nbytes > max_bytes:
            rows = fitting(rows, max_bytes)
            # What lies beyond the cut stays out, also where it comes in a later file.
            is_within = pc.greater_equal if newest_first else pc.less_equal
            ids = ids.filter(is_within(ids, rows.column(ID)[-1]))
        if rows.num_rows == len(ids):
            break
    return rows


def _first_ids(
    selection: Selection, limit: int, after: str | None, *, newest_first: bool
) -> pa.Array:
    within = EVERY_ROW if after is None else _after(after, newest_first=newest_first)
    order = [("", "descending" if newest_first else "ascending")]
    first = NO_IDS
    for day in selection.days([ID], within, newest_first=newest_first):
        for batch in day:
            candidates = pa.concat_arrays([first, batch.column(ID)])
            first = candidates.take(pc.select_k_unstable(candidates, limit, order))
        if len(first) == limit:
            break
    return first


def _after(contribution_id: str, *, newest_first: bool) -> BooleanExpression:
    moment = time_of(contribution_id).isoformat()
    if newest_first:
        return And(LessThanOrEqual("received_at", moment), LessThan(ID, contribution_id))
    return And(GreaterThanOrEqual("received_at", moment), GreaterThan(ID, contribution_id))


def fitting(rows: pa.Table, max_bytes: int) -> pa.Table:
    """Return the first rows that come to no more than `max_bytes` together, but at least one."""
    sizes = accumulate(rows.slice(row, 1).nbytes for row in range(rows.num_rows))
    return rows.slice(0, max(1, sum(size <= max_bytes for size in sizes)))


def _between(first: str, last: str) -> BooleanExpression:
    if first == last:
        return EqualTo(ID, first)
    return And(GreaterThanOrEqual(ID, first), LessThanOrEqual(ID, last))
