"""Reading contributions at a snapshot: all as a stream, a page in order, a count, or one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
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
from app.query.versions import Versions
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

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    def stream(self, view: SnapshotView, filters: Filters) -> Iterator[pa.RecordBatch]:
        """Yield the selected contributions, day by day."""
        condition = filters.pushed_down()
        files = _plan(view, condition)
        return self._select(view, filters, files, ARROW_SCHEMA.names, condition)

    def count(self, view: SnapshotView, filters: Filters) -> int:
        """Return how many contributions are selected."""
        condition = filters.pushed_down()
        batches = self._select(view, filters, _plan(view, condition), [_ID], condition)
        return sum(batch.num_rows for batch in batches)

    def page(self, view: SnapshotView, filters: Filters, limit: int, after: str | None) -> Page:
        """Return the first `limit` selected contributions whose id is above `after`."""
        ids = self._first_ids(view, filters, limit + 1, after)
        shown = ids[:limit]
        rows = self._rows(view, shown)
        return Page(rows, shown[-1].as_py() if len(ids) > limit else None)

    def get(self, view: SnapshotView, contribution_id: UUID) -> pa.Table:
        """Return the one row of a contribution, replaced or not.

        Raises:
            ContributionNotFound: It isn't in the table as of the snapshot.
        """
        try:
            rows = self._rows(view, pa.array([str(contribution_id)], ARROW_SCHEMA.field(_ID).type))
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
        lowest = _NO_IDS
        for _, files in groupby(_plan(view, condition), key=lambda file: file.day):
            for batch in self._select(view, filters, list(files), [_ID], condition):
                candidates = pa.concat_arrays([lowest, batch.column(_ID)])
                order = pc.select_k_unstable(candidates, limit, [("", "ascending")])
                lowest = candidates.take(order)
            if len(lowest) == limit:
                break
        return lowest

    def _rows(self, view: SnapshotView, ids: pa.Array) -> pa.Table:
        """Return the rows of some ids in ascending order."""
        if not len(ids):
            return ARROW_SCHEMA.empty_table()
        first, last = ids[0].as_py(), ids[-1].as_py()
        # An id carries its time of receipt, so only the files of that time are opened.
        received = received_between(time_of(first), time_of(last) + timedelta(milliseconds=1))
        condition = And(received, _between(first, last))
        batches = (
            batch.filter(pc.is_in(batch.column(_ID), ids))
            for batch in read(view.table, _plan(view, condition), row_filter=condition)
        )
        return pa.Table.from_batches(batches, ARROW_SCHEMA).sort_by(_ID)

    def _select(
        self,
        view: SnapshotView,
        filters: Filters,
        files: Sequence[DataFile],
        columns: Sequence[str],
        condition: BooleanExpression,
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the rows that meet all conditions."""
        needed = {*columns, _ID, *(["conversation"] if filters.rating else [])}
        replaced = self._replaced(view, filters) if files else _NO_IDS
        for batch in read(view.table, files, sorted(needed), condition):
            selected = filters.select(batch)
            if len(replaced):
                is_replaced = pc.is_in(selected.column(_ID), replaced)
                selected = selected.filter(pc.invert(is_replaced))
            if selected.num_rows:
                yield selected.select(list(columns))

    def _replaced(self, view: SnapshotView, filters: Filters) -> pa.Array:
        if filters.all_versions or view.snapshot is None:
            return _NO_IDS
        return self._versions.replaced(view.table, view.snapshot.snapshot_id)


def _plan(view: SnapshotView, condition: BooleanExpression) -> list[DataFile]:
    return plan(view.table, view.snapshot.snapshot_id, condition) if view.snapshot else []


def _between(first: str, last: str) -> BooleanExpression:
    if first == last:
        return EqualTo(_ID, first)
    return And(GreaterThanOrEqual(_ID, first), LessThanOrEqual(_ID, last))
