"""What a build finds in the snapshot, day by day, before it computes anything.

Only ids and times are read. A day's rows are known by a digest of the ids that a stage is computed
from; a day with the same digest needn't be computed again.
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

from catalog.membership import ID, is_among
from catalog.scan import DataFile, day_bounds, plan, read, schema_of
from catalog.snapshots import Snapshot

RECEIVED_AT: Final = "received_at"
_COLUMNS: Final = (ID, RECEIVED_AT)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The contribution_ids that no stage of a snapshot is computed from, each ascending.

    Attributes:
        superseded: A later version replaced them.
        suppressed: The operator suppressed them; some may not be in the snapshot.
    """

    superseded: pa.Array
    suppressed: pa.Array


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSize:
    """How much of the raw table is computed at a time: this bounds the memory of a build.

    Attributes:
        rows: Rows at most, but for those of one moment.
        size_bytes: Compressed bytes, as far as a day's rows are alike.
    """

    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a day, or a whole one, that is computed at a time.

    Attributes:
        start: Rows were received at this time or later.
        end: And before this time.
        rows: How many are computed.
        size_bytes: Their compressed size, roughly.
        raw_rows: How many rows of the raw table that stands for.
        left_out: The ids among them that aren't computed.
    """

    start: datetime
    end: datetime
    rows: int
    size_bytes: int
    raw_rows: int
    left_out: pa.Array


@dataclass(frozen=True, slots=True, kw_only=True)
class DayInput:
    """The rows of a day as of a snapshot.

    Attributes:
        day: The day, in UTC.
        digest: SHA-256 of the ids that a stage is computed from.
        superseded: How many rows a later version replaced.
        suppressed: How many of the others are suppressed.
        parts: All rows, in the order of receipt.
    """

    day: date
    digest: str
    superseded: int
    suppressed: int
    parts: tuple[Part, ...]

    @property
    def raw_rows(self) -> int:
        """The rows of the raw table."""
        return sum(part.raw_rows for part in self.parts)


def survey(
    table: Table, snapshot: Snapshot, left_out: LeftOut, size: ChunkSize
) -> Iterator[DayInput]:
    """Yield the days of a snapshot, oldest first. One day's ids are in memory at a time."""
    for day, files in groupby(plan(table, snapshot), key=lambda file: file.day):
        yield _survey_day(table, day, list(files), left_out, size)


def _survey_day(
    table: Table, day: date, files: Sequence[DataFile], left_out: LeftOut, size: ChunkSize
) -> DayInput:
    rows = pa.Table.from_batches(read(table, files, _COLUMNS), schema_of(_COLUMNS))
    ids = rows[ID]
    is_superseded = is_among(ids, left_out.superseded)
    is_suppressed = pc.and_not(is_among(ids, left_out.suppressed), is_superseded)
    is_out = pc.or_(is_superseded, is_suppressed)
    wanted = ids.filter(pc.invert(is_out)).combine_chunks().sort()
    return DayInput(
        day=day,
        digest=hashlib.sha256("\n".join(wanted.to_pylist()).encode()).hexdigest(),
        superseded=_count(is_superseded),
        suppressed=_count(is_suppressed),
        parts=tuple(_parts(day, rows.append_column("out", is_out), files, size)),
    )


def _parts(day: date, rows: pa.Table, files: Sequence[DataFile], size: ChunkSize) -> Iterator[Part]:
    """Cut a day where its rows would be too many: between two moments of receipt."""
    row_bytes = sum(file.size_bytes for file in files) / max(sum(file.rows for file in files), 1)
    most = max(1, min(size.rows, int(size.size_bytes / max(row_bytes, 1))))
    moments = rows[RECEIVED_AT].combine_chunks().sort()
    first, end = day_bounds(day, day)
    cuts = [moments[at].as_py() for at in range(most, len(moments), most)]
    starts = sorted({first, *cuts})
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        received = rows[RECEIVED_AT]
        within = rows.filter(
            pc.and_(
                pc.greater_equal(received, pa.scalar(start, received.type)),
                pc.less(received, pa.scalar(stop, received.type)),
            )
        )
        out = within.filter(within["out"])[ID].combine_chunks()
        computed = within.num_rows - len(out)
        yield Part(
            start=start,
            end=stop,
            rows=computed,
            size_bytes=int(computed * row_bytes),
            raw_rows=within.num_rows,
            left_out=out,
        )


def chunks(days: Sequence[DayInput], changed: set[date], size: ChunkSize) -> Iterator[list[Part]]:
    """Yield parts of the changed days that are computed together, in the order of receipt.

    Between two of a chunk there is no row that isn't to be computed, so one condition on the time
    of receipt covers them.

    Args:
        days: All days of the snapshot, oldest first.
        changed: Those that are to be computed.
        size: How much is computed at a time.
    """
    chunk: list[Part] = []
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


def _fits(chunk: Sequence[Part], part: Part, size: ChunkSize) -> bool:
    rows = sum(each.rows for each in chunk) + part.rows
    size_bytes = sum(each.size_bytes for each in chunk) + part.size_bytes
    return rows <= size.rows and size_bytes <= size.size_bytes


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)
