"""Reading the contributions that were added to the lake since a position, in commit order.

Rows are ordered by their sequence number, and within a commit by their id. Thinning and compaction
change neither, so a position stays valid for ever. After the last of them come contributions that
were hidden when the reader passed them, and are shown again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from sys import maxsize
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, BooleanExpression, GreaterThanOrEqual, LessThanOrEqual

from app.access.visibility.audience import PUBLIC, Audience
from app.access.visibility.shown_again import (
    NOTHING_SHOWN,
    ShownContributions,
    ShownPage,
    ShownPosition,
)
from app.query.contributions.pages import first_rows_within, read_rows
from app.query.snapshots import Reference, Snapshots, SnapshotView
from catalog.reading.membership import NO_IDS, without
from catalog.reading.plans import BEFORE_EVERY_COMMIT, DataFile, plan, up_to
from catalog.reading.scan import read, schema_of
from catalog.schema import ARROW_SCHEMA, ID
from catalog.snapshots import Snapshot

_NUMBER: Final = "sequence_number"
_KEY: Final = (_NUMBER, ID)
_IN_ORDER: Final = [(name, "ascending") for name in _KEY]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list of changes: a reader has read everything up to it.

    Attributes:
        sequence_number: The newest commit of which the reader has rows; it has all older ones.
        last_id: The last contribution of this commit that the reader has; None when it has all.
    """

    sequence_number: int
    last_id: str | None = None

    def has_all_of(self, snapshot: Snapshot) -> bool:
        """Tell whether the reader has every row of a snapshot."""
        if self.last_id is None:
            return self.sequence_number >= snapshot.sequence_number
        return self.sequence_number > snapshot.sequence_number

    @property
    def commits_read(self) -> int:
        """The sequence number of the newest commit that was read to its end."""
        return self.sequence_number - (self.last_id is not None)


START: Final = Position(BEFORE_EVERY_COMMIT)
"""The position of a reader that has read nothing."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Contributions that were added after a position, in order.

    Attributes:
        snapshot: The snapshot up to which changes were read; None while the lake is empty.
        rows: The contributions, every version, with the raw table's schema.
        end: The reader's position after these rows.
        more: Whether there are more changes after `end`, or more that is shown again.
        shown_end: The reader's position among what is shown again, after these rows.
    """

    snapshot: Snapshot | None
    rows: pa.Table
    end: Position
    more: bool
    shown_end: ShownPosition = NOTHING_SHOWN


class ChangeFeed:
    """Reads the contributions that were added to the lake after a position."""

    def __init__(self, snapshots: Snapshots, shown: ShownContributions, page_bytes: int) -> None:
        """Read changes.

        Args:
            snapshots: Finds the lake's snapshots.
            shown: Knows what was shown again.
            page_bytes: The size in Arrow at which an answer ends before its limit of rows.
        """
        self._snapshots = snapshots
        self._shown = shown
        self._page_bytes = page_bytes

    def read(
        self,
        until: Reference,
        after: Position,
        limit: int,
        audience: Audience = PUBLIC,
        shown_after: ShownPosition | None = None,
    ) -> Changes:
        """Return the contributions that were added after a position, oldest commit first.

        Only files that were written since are opened, and of them no more than the answer takes.

        Args:
            until: The snapshot up to which changes are read.
            after: The position after which changes are read.
            limit: The largest number of contributions to return; at least one is returned if there
                are any.
            audience: Whom changes are read for.
            shown_after: The position after which contributions are read that were shown again; None
                for what is shown again from now on.

        Raises:
            SnapshotNotFound: The reference names no snapshot.
            TagNotFound: No snapshot has the tag.
            SnapshotNotPublic: The audience may not see the snapshot yet.
            FeedPositionUnknown: The lake doesn't have the position of what was shown again.
        """
        # Read before the view. What is shown after that is read by the next call; what the view
        # hides again is recorded anew when it is shown.
        known = shown_after or self._shown.newest()
        page = self._shown.page(known, limit)
        view = self._snapshots.view(until, audience)
        changes = _read(view, after, limit, self._page_bytes)
        if view.snapshot is None or after.sequence_number > view.snapshot.sequence_number:
            # A reader of an older snapshot than it knows would miss what this one doesn't have yet.
            return replace(changes, shown_end=known)
        room = 0 if changes.more else limit - changes.rows.num_rows
        shown, end = _shown_again(view, page, changes.rows, known, room, self._page_bytes)
        return replace(
            changes,
            rows=pa.concat_tables([changes.rows, shown]),
            more=changes.more or page.more or end != page.end(known),
            shown_end=end,
        )


def _read(view: SnapshotView, after: Position, limit: int, max_bytes: int) -> Changes:
    if view.snapshot is None or after.has_all_of(view.snapshot):
        return Changes(view.snapshot, ARROW_SCHEMA.empty_table(), after, more=False)
    files = plan(view.table, view.snapshot, after=after.commits_read)
    files.sort(key=lambda file: file.first_sequence_number)
    keys = _lowest_keys(view, files, after, limit + 1)
    rows = _rows(view, files, keys.slice(0, limit), max_bytes)
    if rows.num_rows == keys.num_rows:
        return Changes(view.snapshot, rows, Position(view.snapshot.sequence_number), more=False)
    last = rows.select(_KEY).slice(rows.num_rows - 1).to_pylist()[0]
    return Changes(view.snapshot, rows, Position(last[_NUMBER], last[ID]), more=True)


def _shown_again(
    view: SnapshotView,
    page: ShownPage,
    added: pa.Table,
    known: ShownPosition,
    room: int,
    max_bytes: int,
) -> tuple[pa.Table, ShownPosition]:
    """Return rows that were shown again, by id, and the reader's position after them.

    Args:
        view: The table as of the snapshot that is read.
        page: What was shown again.
        added: The rows that the reader gets anyway.
        known: The position of the reader.
        room: The largest number of rows to return.
        max_bytes: The size of the answer in Arrow, with `added`; one row may exceed it.
    """
    positions = page.positions[:room]
    while positions:
        ids = pa.array(sorted({each.last_id for each in positions}), NO_IDS.type)
        ids = ids.filter(pc.invert(pc.is_in(ids, view.hidden)))
        ids = ids.filter(pc.invert(pc.is_in(ids, added.column(ID).combine_chunks())))
        # Those of later snapshots aren't there yet, and come with the changes of these.
        there = read_rows(view, ids, [ID], maxsize).column(ID).combine_chunks()
        rows = read_rows(view, there, ARROW_SCHEMA.names, max(max_bytes - added.nbytes, 1))
        if rows.num_rows == len(there) or len(positions) == 1:
            return rows, positions[-1]
        positions = positions[: len(positions) // 2]
    return ARROW_SCHEMA.empty_table(), known


def _lowest_keys(
    view: SnapshotView, files: Sequence[DataFile], after: Position, limit: int
) -> pa.Table:
    """Return the first keys after a position, reading keys alone and as few files as possible.

    Args:
        view: The table as of the snapshot that is read.
        files: The snapshot's files with later commits, by their first sequence numbers.
        after: The position.
        limit: The number of keys to return.
    """
    lowest = schema_of(_KEY).empty_table()
    for file in files:
        if lowest.num_rows == limit and _last_number(lowest) < file.first_sequence_number:
            break
        for batch in read(view.table, [file], _KEY):
            later = pa.Table.from_batches([_later(without(batch, view.hidden), after)])
            if not later.num_rows:
                # Arrow fails at selecting from an empty table.
                continue
            candidates = pa.concat_tables([lowest, later])
            lowest = candidates.take(pc.select_k_unstable(candidates, limit, _IN_ORDER))
    return lowest


def _later(batch: pa.RecordBatch, position: Position) -> pa.RecordBatch:
    """Return the rows after a position, from a batch without rows of older commits than it."""
    if position.last_id is None:
        return batch
    is_of_later_commit = pc.greater(batch.column(_NUMBER), position.sequence_number)
    return batch.filter(pc.or_(is_of_later_commit, pc.greater(batch.column(ID), position.last_id)))


def _rows(
    view: SnapshotView, files: Sequence[DataFile], keys: pa.Table, max_bytes: int
) -> pa.Table:
    """Return the rows with some keys, in order; as many as come to `max_bytes`, at least one."""
    pieces = [ARROW_SCHEMA.empty_table()]
    if not keys.num_rows:
        return pieces[0]
    size_bytes = 0
    wanted_files = up_to(files, _last_number(keys))
    for batch in read(view.table, wanted_files, row_filter=_within(keys)):
        wanted = batch.filter(pc.is_in(batch.column(ID), keys.column(ID)))
        if not wanted.num_rows:
            continue
        pieces.append(pa.Table.from_batches([wanted]))
        size_bytes += wanted.nbytes
        if size_bytes > max_bytes:
            rows = first_rows_within(_in_order(pieces), max_bytes)
            pieces, size_bytes = [rows], rows.nbytes
            # Rows beyond the last one that fits stay out, also if a later file has them.
            keys = keys.slice(0, 1 + keys.column(ID).index(rows.column(ID)[-1]).as_py())
    return _in_order(pieces)


def _in_order(pieces: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(pieces).sort_by(_IN_ORDER)


def _within(keys: pa.Table) -> BooleanExpression:
    """Return the condition by which Parquet's row groups outside the range of ids are skipped."""
    ids = pc.min_max(keys.column(ID)).as_py()
    return And(GreaterThanOrEqual(ID, ids["min"]), LessThanOrEqual(ID, ids["max"]))


def _last_number(keys: pa.Table) -> int:
    return int(keys.column(_NUMBER)[-1].as_py())
