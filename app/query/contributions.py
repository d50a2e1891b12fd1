"""Reading contributions at a snapshot: all as a stream, a page in order, a count, or one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, groupby
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import (
    And,
    BooleanExpression,
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    LessThanOrEqual,
)

from app.query.filters import Filters, received_between
from app.query.reference import SnapshotView
from app.query.versions import Versions, without
from catalog.errors import NotFound
from catalog.records import time_of
from catalog.scan import DataFile, plan, read
from catalog.schema import ARROW_SCHEMA

_ID = "contribution_id"
_NO_IDS = pa.array([], ARROW_SCHEMA.field(_ID).type)


class ContributionNotFound(NotFound):
    """No contribution has this id as of the snapshot."""

    def __init__(self, contribution_id: str) -> None:
        super().__init__(f"no contribution {contribution_id}")
        self.contribution_id = contribution_id


@dataclass(frozen=True, slots=True)
class Page:
    """Some contributions in the order of their ids, which is that of receipt.

    Attributes:
        rows: The contributions, with the raw table's schema.
        last_id: Where the next page goes on; None when this is the last.
    """

    rows: pa.Table
    last_id: str | None


class Contributions:
    """Reads contributions from views of the lake, in memory that their number doesn't change."""

    def __init__(self, versions: Versions, page_bytes: int) -> None:
        """Read with these versions, in pages of up to `page_bytes` of Arrow."""
        self._versions = versions
        self._page_bytes = page_bytes

    def stream(self, view: SnapshotView, filters: Filters) -> Iterator[pa.RecordBatch]:
        """Yield the selected contributions, day by day.

        What can fail before the first row fails now, and not in the middle of an answer.
        """
        return self._all(view, filters, ARROW_SCHEMA.names)

    def count(self, view: SnapshotView, filters: Filters) -> int:
        """Return how many contributions are selected."""
        return sum(batch.num_rows for batch in self._all(view, filters, [_ID]))

    def _all(
        self, view: SnapshotView, filters: Filters, columns: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        condition = filters.pushed_down()
        files = _plan(view, condition)
        replaced = self._replaced(view, filters)
        return _select(view, filters, files, columns, condition, replaced)

    def page(self, view: SnapshotView, filters: Filters, limit: int, after: str | None) -> Page:
        """Return the first selected contributions whose id is above `after`.

        There are `limit` of them, or fewer where they come to `page_bytes`, but at least one.
        """
        ids = self._first_ids(view, filters, limit + 1, after)
        rows = _rows(view, ids[:limit], self._page_bytes)
        more = rows.num_rows < len(ids)
        return Page(rows, rows.column(_ID)[-1].as_py() if more else None)

    def get(self, view: SnapshotView, contribution_id: UUID) -> pa.Table:
        """Return the one row of a contribution, replaced or not.

        Raises:
            ContributionNotFound: It isn't in the table as of the snapshot.
        """
        try:
            wanted = pa.array([str(contribution_id)], ARROW_SCHEMA.field(_ID).type)
            rows = _rows(view, wanted, self._page_bytes)
        except OverflowError as error:
            # The id's time lies beyond the calendar: no server made it.
            raise ContributionNotFound(str(contribution_id)) from error
        if not rows.num_rows:
            raise ContributionNotFound(str(contribution_id))
        return rows

    def _first_ids(
        self, view: SnapshotView, filters: Filters, limit: int, after: str | None
    ) -> pa.Array:
        """Return the lowest ids, by reading ids alone and no more days than it takes."""
        condition = filters.pushed_down()
        if after is not None:
            start = GreaterThanOrEqual("received_at", time_of(after).isoformat())
            condition = And(condition, And(start, GreaterThan(_ID, after)))
        replaced = self._replaced(view, filters)
        lowest = _NO_IDS
        for _, day in groupby(_plan(view, condition), key=lambda file: file.day):
            for batch in _select(view, filters, list(day), [_ID], condition, replaced):
                candidates = pa.concat_arrays([lowest, batch.column(_ID)])
                order = pc.select_k_unstable(candidates, limit, [("", "ascending")])
                lowest = candidates.take(order)
            if len(lowest) == limit:
                break
        return lowest

    def _replaced(self, view: SnapshotView, filters: Filters) -> pa.Array:
        if filters.all_versions or view.snapshot is None:
            return _NO_IDS
        return self._versions.replaced(view.table, view.snapshot)


def _select(
    view: SnapshotView,
    filters: Filters,
    files: Sequence[DataFile],
    columns: Sequence[str],
    condition: BooleanExpression,
    replaced: pa.Array,
) -> Iterator[pa.RecordBatch]:
    """Yield some columns of the files' rows that meet all conditions."""
    needed = {*columns, _ID, *(["conversation"] if filters.rating else [])}
    for batch in read(view.table, files, sorted(needed), condition):
        selected = without(replaced, filters.select(batch))
        if selected.num_rows:
            yield selected.select(list(columns))


def _rows(view: SnapshotView, ids: pa.Array, max_bytes: int) -> pa.Table:
    """Return the rows of some ids in ascending order, as many as fit and at least one."""
    rows = ARROW_SCHEMA.empty_table()
    if not len(ids):
        return rows
    first, last = ids[0].as_py(), ids[-1].as_py()
    # An id carries its time of receipt, so only the files of that time are opened.
    received = received_between(time_of(first), time_of(last) + timedelta(milliseconds=1))
    condition = And(received, _between(first, last))
    for batch in read(view.table, _plan(view, condition), row_filter=condition):
        wanted = batch.filter(pc.is_in(batch.column(_ID), ids))
        rows = pa.concat_tables([rows, pa.Table.from_batches([wanted])]).sort_by(_ID)
        if rows.nbytes > max_bytes:
            rows = _fitting(rows, max_bytes)
            # What lies above the cut stays out, also where it comes in a later file.
            ids = ids.filter(pc.less_equal(ids, rows.column(_ID)[-1]))
    return rows


def _fitting(rows: pa.Table, max_bytes: int) -> pa.Table:
    sizes = accumulate(rows.slice(row, 1).nbytes for row in range(rows.num_rows))
    return rows.slice(0, max(1, sum(size <= max_bytes for size in sizes)))


def _plan(view: SnapshotView, condition: BooleanExpression) -> list[DataFile]:
    return plan(view.table, view.snapshot, condition) if view.snapshot else []


def _between(first: str, last: str) -> BooleanExpression:
    if first == last:
        return EqualTo(_ID, first)
    return And(GreaterThanOrEqual(_ID, first), LessThanOrEqual(_ID, last))
