"""What distinguishes two snapshots of the lake: contributions that were added or replaced.

A contribution was added if its sequence number is above the older snapshot's. It was replaced if it
is the latest version in the older snapshot and not in the newer one: the table `replaced` says so,
and it isn't one of those that were added. Their numbers follow from the numbers of rows that
metadata have. Ids are read for that only on days of which both snapshots have rows of their own, or
of which something is hidden. The contributions themselves are read in the order of ids, and no
further than they are wanted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, BooleanExpression, GreaterThan, LessThan
from pyiceberg.table import Table

from app.query.contributions.pages import Page
from app.query.replaced import ReplacedAsOf
from catalog.reading.membership import is_among, without
from catalog.reading.plans import DataFile, added_after, plan, up_to
from catalog.reading.scan import count_rows, read, read_with_ids, schema_of
from catalog.records import day_of
from catalog.schema import ID
from catalog.snapshots import Snapshot

ADDED: Final = "added"
REPLACED: Final = "replaced"

_KEY_COLUMNS: Final = (ID, "conversation_id", "contributor_id", "sequence_number")
_CHANGE: Final = "change"
CHANGE_SCHEMA: Final = schema_of(_KEY_COLUMNS).append(pa.field(_CHANGE, pa.string()))
"""The schema of what was added or replaced; `change` is `ADDED` or `REPLACED`."""

_IN_ORDER: Final = [(ID, "ascending")]


class SnapshotPair:
    """Two snapshots of the lake, to be compared.

    Attributes:
        number_before: The sequence number of the older snapshot.
        number_after: The sequence number of the newer snapshot.
    """

    def __init__(
        self,
        table: Table,
        before: Snapshot,
        after: Snapshot,
        hidden: pa.Array,
        replaced: ReplacedAsOf,
    ) -> None:
        """Plan which files may have to be read.

        Args:
            table: The raw table, loaded after both snapshots were committed.
            before: The older snapshot.
            after: The newer snapshot, or the same one.
            hidden: The contribution_ids to leave out, ascending; they replace others all the same.
            replaced: What was replaced as of the newer snapshot.
        """
        self._table = table
        self.number_before = before.sequence_number
        self.number_after = after.sequence_number
        self._hidden = hidden
        self._hidden_days = set(map(day_of, hidden.to_pylist()))
        self._replaced = replaced
        self._days_of_replaced = replaced.days_since(self.number_before)
        self._files = plan(table, after)
        self._added = added_after(self._files, self.number_before)
        self._newer = _by_day(self._added)
        self._older = _by_day(up_to(self._files, self.number_before))

    def count_added(self) -> int:
        """Return how many contributions were added, every version counted."""
        hidden = read_with_ids(self._table, self._added, self._hidden, [ID])
        return count_rows(self._table, self._added) - _rows_in(hidden)

    def count_replaced(self) -> int:
        """Return how many contributions were replaced."""
        return sum(map(self._count_replaced_of, self._days_of_replaced))

    def count_rows(self) -> int:
        """Return how many contributions the newer snapshot has, with hidden ones."""
        return count_rows(self._table, self._files)

    def page(self, after: str, limit: int) -> Page:
        """Return what was added or replaced and comes next after an id, in the order of ids.

        Args:
            after: The contribution_id; an empty text is before every id.
            limit: The largest number of rows to return, at least one.

        Returns:
            A page of rows with `CHANGE_SCHEMA`.
        """
        first = self._first_ids(after, limit)
        older = (file for files in self._older.values() for file in files)
        rows = [CHANGE_SCHEMA.empty_table()]
        for change, files in ((ADDED, self._added), (REPLACED, older)):
            ids = first.filter(pc.equal(first[_CHANGE], change))[ID].combine_chunks()
            found = read_with_ids(self._table, files, ids, _KEY_COLUMNS)
            table = pa.Table.from_batches(found, schema_of(_KEY_COLUMNS))
            changes = pa.repeat(pa.scalar(change, pa.string()), table.num_rows)
            rows.append(table.append_column(_CHANGE, changes))
        last_id = first[ID][-1].as_py() if first.num_rows == limit else None
        return Page(pa.concat_tables(rows).sort_by(_IN_ORDER), last_id)

    def is_replaced(self, changes: pa.Table) -> pa.ChunkedArray:
        """Tell which contributions have a later version in the newer snapshot.

        Args:
            changes: Rows with `CHANGE_SCHEMA`.
        """
        was_added = pc.equal(changes[_CHANGE], ADDED)
        later = self._replaced.near(changes[ID].filter(was_added))
        return pc.or_(pc.invert(was_added), is_among(changes[ID], later))

    def _first_ids(self, after: str, limit: int) -> pa.Table:
        """Return the first ids after one of what was added or replaced, each with its change."""
        first = _FirstIds(limit)
        self._select_added(first, after)
        self._select_replaced(first, after, limit)
        return first.rows

    def _select_added(self, first: "_FirstIds", after: str) -> None:
        for file in sorted(self._added, key=lambda each: each.least_id):
            if first.end is not None and file.least_id > first.end:
                break
            if file.greatest_id is None or file.greatest_id > after:
                for batch in read(self._table, [file], [ID], _between(after, first.end)):
                    first.add(without(batch, self._hidden)[ID], ADDED)
                first.select()

    def _select_replaced(self, first: "_FirstIds", after: str, limit: int) -> None:
        start = day_of(after) or date.min
        for day in self._days_of_replaced:
            end = day_of(first.end) if first.end else None
            if end is not None and day > end:
                break
            if day >= start:
                for ids in self._replaced_of(day, after, limit):
                    first.add(ids, REPLACED)
                first.select()

    def _replaced_of(self, day: date, after: str, limit: int) -> Iterator[pa.Array]:
        """Yield the ids after one of what was replaced of a day, at least as many as are wanted."""
        ids = self._ids_replaced_of(day)
        ids = ids.filter(pc.greater(ids, after))
        if day in self._newer:
            older = self._older.get(day, ())
            yield from (batch[ID] for batch in read_with_ids(self._table, older, ids, [ID]))
        elif day in self._older:
            # The older snapshot has all of them.
            yield ids[:limit]

    def _count_replaced_of(self, day: date) -> int:
        """Return how many contributions received on a day were replaced."""
        older, newer = self._older.get(day), self._newer.get(day)
        if older is None:
            return 0
        if newer is None and day not in self._hidden_days:
            files = self._replaced.files_of(day, self.number_before)
            return sum(self._replaced.count(file, self.number_before) for file in files)
        ids = self._ids_replaced_of(day)
        if newer is None:
            return len(ids)
        # Each was there before or was added, so it is enough to look where there are fewer rows.
        if _size_of(newer) < _size_of(older):
            return len(ids) - _rows_in(read_with_ids(self._table, newer, ids, [ID]))
        return _rows_in(read_with_ids(self._table, older, ids, [ID]))

    def _ids_replaced_of(self, day: date) -> pa.Array:
        """Return what was replaced since the older snapshot, with what was added since as well.

        Returns:
            The ids of contributions received on a day, ascending, without hidden ones.
        """
        ids = self._replaced.on(day, self.number_before)
        return ids.filter(pc.invert(is_among(ids, self._hidden)))


class _FirstIds:
    """The lowest ids of those that were added.

    Attributes:
        rows: The ids that were selected last, in order, each with its change.
    """

    def __init__(self, limit: int) -> None:
        """Prepare to select.

        Args:
            limit: The number of ids to keep.
        """
        self._limit = limit
        self.rows = CHANGE_SCHEMA.empty_table().select([ID, _CHANGE])
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    @property
    def end(self) -> str | None:
        """The id from which on no id is needed any more; None while more ids are needed."""
        return self.rows[ID][-1].as_py() if self.rows.num_rows == self._limit else None

    def add(self, ids: pa.Array, change: str) -> None:
        """Add ids of contributions that were added or replaced."""
        if not len(ids):
            return
        changes = pa.repeat(pa.scalar(change, pa.string()), len(ids))
        self._waiting.append(pa.table([ids, changes], self.rows.schema))
        self._waiting_rows += len(ids)
        # Seldom, since each selection looks at all ids that are kept.
        if self._waiting_rows > self._limit:
            self.select()

    def select(self) -> None:
        """Select from all ids that were added."""
        if self._waiting:
            candidates = pa.concat_tables([self.rows, *self._waiting])
            chosen = pc.select_k_unstable(candidates, self._limit, _IN_ORDER)
            self.rows, self._waiting, self._waiting_rows = candidates.take(chosen), [], 0


def _by_day(files: Iterable[DataFile]) -> Mapping[date, Sequence[DataFile]]:
    return {day: list(of_day) for day, of_day in groupby(files, key=lambda file: file.day)}


def _between(after: str, end: str | None) -> BooleanExpression:
    """Return the condition that an id is after one and before another; None for no end."""
    return GreaterThan(ID, after) if end is None else And(GreaterThan(ID, after), LessThan(ID, end))


def _rows_in(batches: Iterable[pa.RecordBatch]) -> int:
    return sum(batch.num_rows for batch in batches)


def _size_of(files: Iterable[DataFile]) -> int:
    return sum(file.rows for file in files)
