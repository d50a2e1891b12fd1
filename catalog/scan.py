"""Reading the table at a snapshot: planned by Iceberg, read file by file in bounded memory.

pyiceberg's own batch reader hands every file of a scan to a thread pool and keeps each file's
batches in a list, so a slow consumer ends up with the table in memory. Here one file is open at a
time, and a few batches of it are in memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.expressions.visitors import bind
from pyiceberg.io.pyarrow import expression_to_pyarrow
from pyiceberg.manifest import DataFileContent, ManifestEntry
from pyiceberg.table import ManifestGroupPlanner, Table

from catalog.errors import DeleteFilesUnsupported
from catalog.schema import ARROW_SCHEMA, SCHEMA
from catalog.snapshots import live_snapshot

EVERY_ROW: Final = AlwaysTrue()
"""The condition that every row meets."""
BATCH_ROWS: Final = 4096
"""Rows in a batch, and in each of the few that are read ahead."""

_EPOCH = date(1970, 1, 1)
_SEQUENCE_NUMBER = "sequence_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One data file of a snapshot.

    Attributes:
        path: Its URL.
        day: The day partition that it lies in.
        rows: How many contributions it holds.
        size_bytes: Its size.
        sequence_number: Its data sequence number: that of its rows, unless they carry their own.
    """

    path: str
    day: date
    rows: int
    size_bytes: int
    sequence_number: int


def plan(
    table: Table, snapshot_id: int, row_filter: BooleanExpression = EVERY_ROW
) -> list[DataFile]:
    """Return the data files of a snapshot that may hold matching rows, oldest day first.

    Files are left out by their day and by their columns' bounds. The order is that of day, then
    sequence number, then path, so it is the same every time.

    Raises:
        SnapshotNotFound: No live snapshot has this id.
        DeleteFilesUnsupported: Another engine deleted rows in a way that isn't read here.
    """
    manifests = live_snapshot(table, snapshot_id).manifests(table.io)
    planner = ManifestGroupPlanner(table.metadata, table.io, row_filter)
    entries = [entry for group in planner.plan_manifest_entries(manifests) for entry in group]
    if any(entry.data_file.content is not DataFileContent.DATA for entry in entries):
        raise DeleteFilesUnsupported(snapshot_id)
    files = [_data_file(entry) for entry in entries]
    return sorted(files, key=lambda file: (file.day, file.sequence_number, file.path))


def _data_file(entry: ManifestEntry) -> DataFile:
    file = entry.data_file
    return DataFile(
        path=file.file_path,
        day=_EPOCH + timedelta(days=file.partition[0]),
        rows=file.record_count,
        size_bytes=file.file_size_in_bytes,
        sequence_number=entry.sequence_number or 0,
    )


def read(
    table: Table,
    files: Sequence[DataFile],
    columns: Sequence[str] = ARROW_SCHEMA.names,
    row_filter: BooleanExpression = EVERY_ROW,
) -> Iterator[pa.RecordBatch]:
    """Yield the matching rows of planned files, in the files' order, as batches of some columns.

    `sequence_number` is filled in: the row's own, or else its file's.
    """
    expression = _pyarrow_filter(row_filter)
    for file in files:
        with table.io.new_input(file.path).open() as source:
            yield from _scanner(source, file, columns, expression).to_batches()


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """Return the Arrow schema of a scan of these columns."""
    return pa.schema([ARROW_SCHEMA.field(name) for name in columns])


def day_bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """Return the first instant of a range of days in UTC, and the first instant after it."""
    start = datetime.combine(first, time.min, UTC)
    return start, datetime.combine(last, time.min, UTC) + timedelta(days=1)


def _pyarrow_filter(row_filter: BooleanExpression) -> pc.Expression | None:
    if isinstance(row_filter, AlwaysTrue):
        return None
    return expression_to_pyarrow(bind(SCHEMA, row_filter, case_sensitive=True), SCHEMA)


def _scanner(
    source: object, file: DataFile, columns: Sequence[str], row_filter: pc.Expression | None
) -> ds.Scanner:
    # Pre-buffering would hold a whole file's bytes; a row group at a time is enough.
    options = ds.ParquetFragmentScanOptions(pre_buffer=False)
    fragment = ds.ParquetFileFormat(default_fragment_scan_options=options).make_fragment(source)
    projection = {name: ds.field(name) for name in columns}
    if _SEQUENCE_NUMBER in projection:
        number = pa.scalar(file.sequence_number, pa.int64())
        projection[_SEQUENCE_NUMBER] = pc.coalesce(ds.field(_SEQUENCE_NUMBER), number)
    return ds.Scanner.from_fragment(
        fragment,
        # The table's schema, not the file's: a column added later reads as null in older files.
        schema=ARROW_SCHEMA,
        columns=projection,
        filter=row_filter,
        batch_size=BATCH_ROWS,
        batch_readahead=2,
        fragment_readahead=1,
        use_threads=False,
    )
