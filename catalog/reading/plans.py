"""Planning: which data files may hold the rows of a snapshot that meet a condition.

The raw table only grows, and every row has the sequence number of the commit that added it. So the
rows of any snapshot, live or thinned, are the rows of the newest table whose number is at most the
snapshot's. A file is read whole when all of its rows are that old, and in part otherwise. Likewise,
the rows that were added after an earlier snapshot are those with a higher number than its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.table import Table

from catalog.errors import SnapshotNotFound
from catalog.manifests.cache import (
    COMMIT_NUMBER,
    DAY,
    PATH,
    SIZE_BYTES,
    column_of,
    files_of,
)
from catalog.manifests.pruning import LOWER, NULLS, ROWS, UPPER
from catalog.schema import ID, SCHEMA, SEQUENCE_NUMBER
from catalog.snapshots import Snapshot

EVERY_ROW: Final = AlwaysTrue()
"""The condition that every row meets."""
BEFORE_EVERY_COMMIT: Final = 0
"""A sequence number below that of every commit."""

_ID_FIELD = SCHEMA.find_field(ID)
_SEQUENCE_NUMBER_FIELD = SCHEMA.find_field(SEQUENCE_NUMBER)
_FIRST: Final = "first_sequence_number"
_LAST: Final = "last_sequence_number"
_NUMBERED: Final = pa.schema(
    {
        PATH: pa.string(),
        DAY: pa.date32(),
        **dict.fromkeys((ROWS, SIZE_BYTES, COMMIT_NUMBER, _FIRST, _LAST), pa.int64()),
        **dict.fromkeys(("least_id", "greatest_id"), pa.string()),
    }
)
"""What a plan needs of files."""


class PlannedFile(Protocol):
    """What indexes need to know of a data file, of the raw table or of a stage."""

    @property
    def path(self) -> str:
        """URL of the file."""

    @property
    def day(self) -> date:
        """The day partition of its rows."""

    @property
    def rows(self) -> int:
        """Number of its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One data file as of a snapshot.

    Attributes:
        path: URL of the file.
        day: The day partition of its rows.
        rows: Number of rows, including those that are newer than the snapshot.
        size_bytes: Size of the file.
        sequence_number: Iceberg's data sequence number; it counts for rows without their own.
        first_sequence_number: The lowest sequence number of a row in the file.
        last_sequence_number: The highest sequence number of a row in the file.
        until: The snapshot's sequence number, if some rows may have a higher one and must be left
            out; else None.
        after: The number above which rows are wanted, if some rows may not be above it; else None.
        least_id: A contribution_id that none of the file is below; empty if there may be any.
        greatest_id: A contribution_id that none of the file is above; None if there may be any.
    """

    path: str
    day: date
    rows: int
    size_bytes: int
    sequence_number: int
    first_sequence_number: int
    last_sequence_number: int
    until: int | None
    after: int | None = None
    least_id: str = ""
    greatest_id: str | None = None

    @property
    def is_wanted_in_part(self) -> bool:
        """Whether some of the file's rows may be too new or too old for the plan."""
        return self.until is not None or self.after is not None

    @property
    def is_rewritten(self) -> bool:
        """Whether compaction wrote the file, so that its rows carry their own sequence numbers."""
        return self.first_sequence_number < self.sequence_number


def plan(
    table: Table,
    snapshot: Snapshot,
    row_filter: BooleanExpression = EVERY_ROW,
    after: int = BEFORE_EVERY_COMMIT,
) -> list[DataFile]:
    """Return the data files that may hold matching rows of a snapshot, oldest day first.

    Files are left out by their day and by the bounds of their columns. Within a day, files come in
    the order in which their rows were added. Compaction keeps that order, so a snapshot reads the
    same every time.

    Args:
        table: The table, loaded after the snapshot was committed.
        snapshot: The snapshot to read; it needn't be live any more.
        row_filter: The condition that rows have to meet.
        after: Only rows with a higher sequence number than this are wanted.

    Raises:
        SnapshotNotFound: The table was loaded before the snapshot was committed.
        DeleteFilesUnsupported: Another engine has written delete files.
    """
    newest = table.current_snapshot()
    if newest is None or (newest.sequence_number or 0) < snapshot.sequence_number:
        raise SnapshotNotFound(snapshot.snapshot_id)
    return _as_of(files_of(table, newest, row_filter, after), after, snapshot.sequence_number)


def up_to(files: Iterable[DataFile], number: int) -> list[DataFile]:
    """Return the planned files that have rows of commits up to a number, without later rows."""
    return [
        replace(file, until=number) if file.last_sequence_number > number else file
        for file in files
        if file.first_sequence_number <= number
    ]


def added_after(files: Iterable[DataFile], number: int) -> list[DataFile]:
    """Return the planned files that have rows of commits after a number, without earlier rows."""
    return [
        replace(file, after=number) if file.first_sequence_number <= number else file
        for file in files
        if file.last_sequence_number > number
    ]


def _as_of(found: Iterable[pa.Table], after: int, until: int) -> list[DataFile]:
    """Return the files with rows in a range of sequence numbers, in the order of a plan."""
    tables = list(found)
    if not tables:
        return []
    # Manifests have few files each: kernels would take longer to be called than to compute.
    files = _numbered(pa.concat_tables(tables, promote_options="default").combine_chunks())
    in_range = (pc.field(_FIRST) <= until) & (pc.field(_LAST) > after)
    order = [(name, "ascending") for name in (DAY, _FIRST, _LAST, PATH)]
    files = files.filter(in_range).sort_by(order)
    return [
        DataFile(
            path=path,
            day=day,
            rows=rows,
            size_bytes=size_bytes,
            sequence_number=number,
            first_sequence_number=first,
            last_sequence_number=last,
            until=until if last > until else None,
            after=after if first <= after else None,
            least_id=least_id or "",
            greatest_id=greatest_id,
        )
        for path, day, rows, size_bytes, number, first, last, least_id, greatest_id in zip(
            *(files[name].to_pylist() for name in _NUMBERED.names), strict=True
        )
    ]


def _numbered(files: pa.Table) -> pa.Table:
    """Return what a plan needs of files, with the lowest and highest sequence number of their rows.

    Where the bounds of the column don't tell, the widest possible range is assumed.
    """
    own = files[COMMIT_NUMBER]
    nulls = column_of(files, NULLS, _SEQUENCE_NUMBER_FIELD)
    lower = column_of(files, LOWER, _SEQUENCE_NUMBER_FIELD)
    upper = column_of(files, UPPER, _SEQUENCE_NUMBER_FIELD)
    has_none = pc.fill_null(pc.equal(nulls, files[ROWS]), fill_value=False)
    has_all = pc.fill_null(pc.equal(nulls, 0), fill_value=False)
    first = pc.if_else(has_none, own, pc.fill_null(lower, fill_value=0))
    last = pc.if_else(has_all, pc.coalesce(upper, own), own)
    columns = [
        files[PATH],
        pc.cast(files[DAY], pa.date32()),
        *(files[name] for name in (ROWS, SIZE_BYTES, COMMIT_NUMBER)),
        first,
        last,
        # Bounds of texts are often cut off: lower ones are lower then, and upper ones higher.
        column_of(files, LOWER, _ID_FIELD),
        column_of(files, UPPER, _ID_FIELD),
    ]
    return pa.Table.from_arrays(columns, schema=_NUMBERED)
