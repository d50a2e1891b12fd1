"""The chunks of a snapshot: what a build computes, or leaves as it is, as one piece.

A day is cut where the ids of its contributions say so, as backups cut files by their content. So a
row that is added changes the chunk that it falls into, and no other. Superseded and hidden rows
count as well, so that a chunk begins where it began before they were.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from itertools import groupby, pairwise
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyiceberg.expressions import And, BooleanExpression, GreaterThanOrEqual, LessThan, Or
from pyiceberg.table import Table

from catalog.reading.membership import is_among
from catalog.reading.plans import DataFile, plan
from catalog.reading.scan import day_bounds, read, schema_of
from catalog.schema import ID, SEQUENCE_NUMBER
from catalog.snapshots import Snapshot, live_snapshots

RECEIVED_AT: Final = "received_at"
RECEIPT_ORDER: Final = [(RECEIVED_AT, "ascending"), (ID, "ascending")]
"""Sort keys of the rows of every stage."""
BEGINS_CHUNK: Final = "[048c]000$"
"""The ids that begin a chunk: one in 16,384, since the ends of ids are random."""
_COLUMNS: Final = (ID, RECEIVED_AT)


class Superseded(Protocol):
    """Knows which contributions a later version superseded."""

    def near(self, ids: pa.ChunkedArray) -> pa.Array:
        """Return, ascending, those of the days from the first to the last of some ids at least."""


@dataclass(frozen=True, slots=True)
class ExcludedIds:
    """The contribution_ids of a snapshot that no stage is computed from.

    Attributes:
        superseded: Contributions that a later version superseded, read for the days that are asked.
        hidden: Contributions that are hidden from readers, ascending; some may not be in the
            snapshot.
    """

    superseded: Superseded
    hidden: pa.Array

    def find(self, ids: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """Tell which of some ids are superseded, and which of the others are hidden."""
        is_superseded = is_among(ids, self.superseded.near(ids))
        return is_superseded, pc.and_not(is_among(ids, self.hidden), is_superseded)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySize:
    """The part of the raw table that is computed at a time, which bounds the memory of a build.

    Attributes:
        rows: Number of rows at most. Rows that were received at the same moment stay together, so
            a query may have more.
        size_bytes: Compressed bytes at most, estimated from the mean size of a day's rows.
        runs: Number of runs of adjacent chunks at most, since each is a part of the condition.
    """

    rows: int
    size_bytes: int
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The rows of a snapshot that were received between two times of a day.

    Attributes:
        start: The time at which the chunk begins: its first row's, or the begin of the day.
        end: The time at which the next chunk or day begins.
        digest: SHA-256 of the ids that a stage is computed from, in hexadecimal.
        rows: Number of rows that a stage is computed from.
        size_bytes: Compressed size of these rows, estimated.
        superseded: Number of the other rows that a later version superseded.
        hidden: Number of the other rows that are hidden, and not superseded.
    """

    start: datetime
    end: datetime
    digest: str
    rows: int
    size_bytes: int
    superseded: int
    hidden: int

    @property
    def raw_rows(self) -> int:
        """Number of rows of the raw table."""
        return self.rows + self.superseded + self.hidden


def survey(
    table: Table, snapshot: Snapshot, excluded: ExcludedIds, size: QuerySize
) -> Iterator[Chunk]:
    """Yield the chunks of a snapshot, oldest first. The ids and times alone are read.

    The ids and times of one day are in memory at a time.

    Args:
        table: The raw table.
        snapshot: Snapshot of it.
        excluded: The ids that aren't computed.
        size: The most that a chunk holds.
    """
    for day, files in groupby(plan(table, snapshot), key=lambda file: file.day):
        yield from _survey_day(table, day, list(files), excluded, size)


def _survey_day(
    table: Table, day: date, files: Sequence[DataFile], excluded: ExcludedIds, size: QuerySize
) -> Iterator[Chunk]:
    rows = pa.Table.from_batches(read(table, files, _COLUMNS), schema_of(_COLUMNS))
    rows = rows.sort_by(RECEIPT_ORDER).combine_chunks()
    is_superseded, is_hidden = excluded.find(rows[ID])
    row_bytes = sum(file.size_bytes for file in files) / max(sum(file.rows for file in files), 1)
    first, end = day_bounds(day, day)
    cuts = _cuts(rows, _most_rows(row_bytes, size))
    starts = [first, *(rows[RECEIVED_AT][cut].as_py() for cut in cuts)]
    for (start, stop), (begin, after) in zip(
        pairwise([*starts, end]), pairwise([0, *cuts, rows.num_rows]), strict=True
    ):
        ids, superseded, hidden = (
            column.slice(begin, after - begin).combine_chunks()
            for column in (rows[ID], is_superseded, is_hidden)
        )
        computed = ids.filter(pc.invert(pc.or_(superseded, hidden)))
        yield Chunk(
            start=start,
            end=stop,
            digest=digest_of(computed),
            rows=len(computed),
            size_bytes=int(len(computed) * row_bytes),
            superseded=superseded.true_count,
            hidden=hidden.true_count,
        )


def digest_of(ids: pa.Array | pa.ChunkedArray) -> str:
    """Return a digest of contribution_ids in the order of receipt, in hexadecimal."""
    return hashlib.sha256("\n".join(ids.to_pylist()).encode()).hexdigest()


def read_commits(table: Table, snapshot: Snapshot, chunks: Sequence[Chunk]) -> pa.Table:
    """Return the raw rows of some chunks of a snapshot, ascending by their ids.

    Returns:
        A table with the columns `contribution_id` and `sequence_number`: that of the commit that
        added the row.
    """
    condition = _received_in(chunks)
    files = plan(table, snapshot, condition)
    columns = (ID, SEQUENCE_NUMBER)
    batches = read(table, files, columns, condition)
    return pa.Table.from_batches(batches, schema_of(columns)).sort_by(ID)


def read_later_ids(table: Table, snapshot: Snapshot, chunks: Sequence[Chunk]) -> pa.ChunkedArray:
    """Return the ids that the newest table has more than a snapshot, in the times of some chunks.

    Args:
        table: The raw table, which has a snapshot.
        snapshot: Snapshot of it.
        chunks: The chunks.
    """
    newest = next(live_snapshots(table))
    condition = _received_in(chunks)
    files = plan(table, newest, condition, after=snapshot.sequence_number)
    batches = read(table, files, [ID], condition)
    return pa.Table.from_batches(batches, schema_of([ID]))[ID]


def _received_in(chunks: Sequence[Chunk]) -> BooleanExpression:
    runs = (
        And(
            GreaterThanOrEqual(RECEIVED_AT, start.isoformat()),
            LessThan(RECEIVED_AT, end.isoformat()),
        )
        for start, end in runs_of(chunks)
    )
    return reduce(Or, runs)


def _most_rows(row_bytes: float, size: QuerySize) -> int:
    """Return the number of rows of the largest chunk of a day.

    Rounded to a power of two, so that it seldom changes as the day grows.
    """
    most = max(1, min(size.rows, int(size.size_bytes / max(row_bytes, 1))))
    return 1 << (most.bit_length() - 1)


def _cuts(rows: pa.Table, most_rows: int) -> list[int]:
    """Return the indices of the rows that begin the second and later chunks of a day.

    A chunk begins with the first row of a moment, so that times tell the chunks apart.
    """
    times = _times(rows)
    chosen = np.flatnonzero(pc.match_substring_regex(rows[ID], BEGINS_CHUNK).to_numpy())
    chunks = pairwise([0, *chosen.tolist(), len(times)])
    wanted = [place for start, end in chunks for place in range(start, end, most_rows)]
    cuts = np.unique(np.searchsorted(times, times[wanted]))
    return [int(cut) for cut in cuts if cut > 0]


def queries(
    chunks: Sequence[Chunk], changed: Collection[datetime], size: QuerySize
) -> Iterator[list[Chunk]]:
    """Yield lists of the changed chunks that are computed together, in the order of receipt.

    Args:
        chunks: All chunks of the snapshot, oldest first.
        changed: The starts of the chunks to compute.
        size: The most that a query computes.
    """
    query: list[Chunk] = []
    rows = size_bytes = runs = 0
    for chunk in chunks:
        if chunk.start not in changed or not chunk.rows:
            continue
        runs += not query or query[-1].end != chunk.start
        rows += chunk.rows
        size_bytes += chunk.size_bytes
        if query and (rows > size.rows or size_bytes > size.size_bytes or runs > size.runs):
            yield query
            query = []
            rows, size_bytes, runs = chunk.rows, chunk.size_bytes, 1
        query.append(chunk)
    if query:
        yield query


def runs_of(chunks: Sequence[Chunk]) -> list[tuple[datetime, datetime]]:
    """Return the starts and ends of the runs of adjacent chunks."""
    starts = [chunks[0].start]
    ends = []
    for before, after in pairwise(chunks):
        if before.end != after.start:
            ends.append(before.end)
            starts.append(after.start)
    return list(zip(starts, [*ends, chunks[-1].end], strict=True))


def _times(rows: pa.Table) -> NDArray[Any]:
    """Return the times of receipt in microseconds."""
    times: NDArray[Any] = pc.cast(rows[RECEIVED_AT], pa.int64()).to_numpy()
    return times
