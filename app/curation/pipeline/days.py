"""The days of a snapshot and what a build must compute of each, read from ids and times only.

A digest of the ids that a stage is computed from identifies the rows of a day. A day with the same
digest as at the last build isn't computed again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from catalog.membership import is_among
from catalog.scan import DataFile, day_bounds, plan, read, schema_of
from catalog.schema import ID
from catalog.snapshots import Snapshot

RECEIVED_AT: Final = "received_at"
RECEIPT_ORDER: Final = [(RECEIVED_AT, "ascending"), (ID, "ascending")]
"""Sort keys of the rows of every stage."""
_COLUMNS: Final = (ID, RECEIVED_AT)


@dataclass(frozen=True, slots=True)
class ExcludedIds:
    """The contribution_ids of a snapshot that no stage is computed from, each array ascending.

    Attributes:
        superseded: Contributions that a later version superseded.
        suppressed: Contributions that the operator suppressed; some may not be in the snapshot.
    """

    superseded: pa.Array
    suppressed: pa.Array


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSize:
    """The part of the raw table that is computed at a time, which bounds the memory of a build.

    Attributes:
        rows: Number of rows at most. Rows that were received at the same moment stay together, so
            a chunk may have more.
        size_bytes: Compressed bytes at most, estimated from the mean size of a day's rows.
    """

    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPart:
    """A day, or a part of a large one: the rows that were received between two times.

    Attributes:
        start: The first time of the part.
        end: The time at which the next part begins.
        rows: Number of rows to compute.
        size_bytes: Compressed size of these rows, estimated.
        raw_rows: Number of rows of the raw table, with the excluded ones.
        excluded: The contribution_ids of the part that aren't computed.
    """

    start: datetime
    end: datetime
    rows: int
    size_bytes: int
    raw_rows: int
    excluded: pa.Array


@dataclass(frozen=True, slots=True, kw_only=True)
class DayInput:
    """The rows of a day as of a snapshot.

    Attributes:
        day: The day, in UTC.
        digest: SHA-256 of the ids that a stage is computed from, in hexadecimal.
        superseded: Number of rows that a later version superseded.
        suppressed: Number of the other rows that are suppressed.
        parts: The parts of the day, in the order of receipt.
    """

    day: date
    digest: str
    superseded: int
    suppressed: int
    parts: tuple[DayPart, ...]

    @property
    def raw_rows(self) -> int:
        """Number of rows of the raw table."""
        return sum(part.raw_rows for part in self.parts)


def survey(
    table: Table, snapshot: Snapshot, excluded: ExcludedIds, size: ChunkSize
) -> Iterator[DayInput]:
    """Yield the days of a snapshot, oldest first.

    The ids and times of one day are in memory at a time.

    Args:
        table: The raw table.
        snapshot: A live snapshot of it.
        excluded: The ids that aren't computed.
        size: The largest part that a day is cut into.
    """
    for day, files in groupby(plan(table, snapshot), key=lambda file: file.day):
        yield _survey_day(table, day, list(files), excluded, size)


def _survey_day(
    table: Table, day: date, files: Sequence[DataFile], excluded: ExcludedIds, size: ChunkSize
) -> DayInput:
    rows = pa.Table.from_batches(read(table, files, _COLUMNS), schema_of(_COLUMNS))
    ids = rows[ID]
    is_superseded = is_among(ids, excluded.superseded)
    is_suppressed = pc.and_not(is_among(ids, excluded.suppressed), is_superseded)
    is_excluded = pc.or_(is_superseded, is_suppressed)
    computed = ids.filter(pc.invert(is_excluded)).combine_chunks().sort()
    return DayInput(
        day=day,
        digest=hashlib.sha256("\n".join(computed.to_pylist()).encode()).hexdigest(),
        superseded=_count(is_superseded),
        suppressed=_count(is_suppressed),
        parts=tuple(_parts(day, rows.append_column("excluded", is_excluded), files, size)),
    )


def _parts(
    day: date, rows: pa.Table, files: Sequence[DataFile], size: ChunkSize
) -> Iterator[DayPart]:
    """Cut a day that is larger than `size` into parts, between two moments of receipt."""
    row_bytes = sum(file.size_bytes for file in files) / max(sum(file.rows for file in files), 1)
    part_rows = max(1, min(size.rows, int(size.size_bytes / max(row_bytes, 1))))
    moments = rows[RECEIVED_AT].combine_chunks().sort()
    first, end = day_bounds(day, day)
    cuts = [moments[at].as_py() for at in range(part_rows, len(moments), part_rows)]
    starts = sorted({first, *cuts})
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        received = rows[RECEIVED_AT]
        within = rows.filter(
            pc.and_(
                pc.greater_equal(received, pa.scalar(start, received.type)),
                pc.less(received, pa.scalar(stop, received.type)),
            )
        )
        excluded = within.filter(within["excluded"])[ID].combine_chunks()
        computed = within.num_rows - len(excluded)
        yield DayPart(
            start=start,
            end=stop,
            rows=computed,
            size_bytes=int(computed * row_bytes),
            raw_rows=within.num_rows,
            excluded=excluded,
        )


def chunks(
    days: Sequence[DayInput], changed: set[date], size: ChunkSize
) -> Iterator[list[DayPart]]:
    """Yield lists of parts of the changed days that are computed together, in the order of receipt.

    All rows between two parts of a chunk are of the chunk too, so one condition on the time of
    receipt selects it.

    Args:
        days: All days of the snapshot, oldest first.
        changed: The days to compute.
        size: The most that a chunk holds.
    """
    chunk: list[DayPart] = []
    for day in days:
        if day.day not in changed:
            if chunk:
                yield chunk
            chunk = []
            continue
        for part in day.parts:
            if chunk and not _fits(chunk, part, size):
                yield chunk
                chunk = []
            chunk.append(part)
    if chunk:
        yield chunk


def days_of(rows: pa.Table) -> pa.ChunkedArray:
    """Return the day on which each row was received, in UTC, as Arrow dates."""
    return pc.cast(rows[RECEIVED_AT], pa.date32(), safe=False)


def _fits(chunk: Sequence[DayPart], part: DayPart, size: ChunkSize) -> bool:
    rows = sum(other.rows for other in chunk) + part.rows
    size_bytes = sum(other.size_bytes for other in chunk) + part.size_bytes
    return rows <= size.rows and size_bytes <= size.size_bytes


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)
