"""Reading the table as of a snapshot: planned by Iceberg, read file by file in bounded memory.

The raw table only grows, and every row knows the sequence number of the commit that added it. So
the rows of any snapshot, live or thinned, are those rows of the newest table whose number is at
most the snapshot's: whole files where all of a file's rows are that old, and else a part of it.
In the same way, what was added since an earlier moment are the rows above its number.

pyiceberg's own batch reader hands every file of a scan to a thread pool and keeps each file's
batches in a list, so a slow consumer ends up with the table in memory. Here one file is open at a
time, and a few batches of it are in memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.expressions.visitors import bind
from pyiceberg.io.pyarrow import expression_to_pyarrow
from pyiceberg.manifest import DataFile as IcebergDataFile
from pyiceberg.manifest import DataFileContent, ManifestEntry
from pyiceberg.table import ManifestGroupPlanner, Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from catalog.checkpoints import checkpoint
from catalog.errors import DeleteFilesUnsupported, SnapshotNotFound
from catalog.fragments import PARQUET, promising, scanner
from catalog.manifests import manifests_of
from catalog.schema import ARROW_SCHEMA, SCHEMA
from catalog.snapshots import Snapshot

EVERY_ROW: Final = AlwaysTrue()
"""The condition that every row meets."""
BEFORE_EVERY_COMMIT: Final = 0
"""A sequence number below that of every commit."""

_EPOCH = date(1970, 1, 1)
_LARGEST = "conversation"
"""The column that is most of a row."""
_SEQUENCE_NUMBER = "sequence_number"
_SEQUENCE_NUMBER_FIELD = SCHEMA.find_field(_SEQUENCE_NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One data file as of a snapshot.

    Attributes:
        path: Its URL.
        day: The day partition that it lies in.
        rows: How many contributions it holds, those that are newer than the snapshot included.
        size_bytes: Its size.
        sequence_number: Its data sequence number: that of its rows, unless they carry their own.
        first_sequence_number: The lowest number of its rows.
        last_sequence_number: The highest.
        until: Rows with a higher number are newer than the snapshot; None: the file has none.
        after: Rows with this number or a lower one aren't wanted; None: the file has none.
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

    @property
    def is_wanted_in_part(self) -> bool:
        """Whether some of its rows are too new or too old for the plan, as far as is known."""
        return self.until is not None or self.after is not None

    @property
    def is_rewritten(self) -> bool:
        """Whether its rows carry the numbers of the commits that added them."""
        return self.first_sequence_number < self.sequence_number


def plan(
    table: Table,
    snapshot: Snapshot,
    row_filter: BooleanExpression = EVERY_ROW,
    after: int = BEFORE_EVERY_COMMIT,
) -> list[DataFile]:
    """Return the data files that may hold matching rows of a snapshot, oldest day first.

    Files are left out by their day and by their columns' bounds. Within a day they are in the order
    in which their rows were added, which compaction keeps: a snapshot reads the same every time.

    Args:
        table: The table, loaded after the snapshot was committed.
        snapshot: The snapshot, which needn't be live any more.
        row_filter: The rows that are wanted.
        after: Only rows with a higher sequence number are.

    Raises:
        SnapshotNotFound: The table is older than the snapshot.
        DeleteFilesUnsupported: Another engine deleted rows in a way that isn't read here.
    """
    newest = table.current_snapshot()
    if newest is None or (newest.sequence_number or 0) < snapshot.sequence_number:
        raise SnapshotNotFound(snapshot.snapshot_id)
    entries = newest_entries(table, row_filter, after)
    until = snapshot.sequence_number
    files = [_data_file(entry, after, until) for entry in entries]
    return sorted(
        (
            file
            for file in files
            if file.first_sequence_number <= until and file.last_sequence_number > after
        ),
        key=lambda file: (
            file.day,
            file.first_sequence_number,
            file.last_sequence_number,
            file.path,
        ),
    )


def newest_entries(
    table: Table,
    row_filter: BooleanExpression = EVERY_ROW,
    after: int = BEFORE_EVERY_COMMIT,
) -> list[ManifestEntry]:
    """Return Iceberg's entries of the data files of the newest snapshot that may hold some rows.

    Manifests with no row above the sequence number `after` aren't opened.

    Raises:
        DeleteFilesUnsupported: Another engine deleted rows in a way that isn't read here.
    """
    newest = table.current_snapshot()
    return entries_of(table, newest, row_filter, after) if newest else []


def entries_of(
    table: Table,
    snapshot: IcebergSnapshot,
    row_filter: BooleanExpression = EVERY_ROW,
    after: int = BEFORE_EVERY_COMMIT,
) -> list[ManifestEntry]:
    """Return the same of a live snapshot of any table.

    Raises:
        DeleteFilesUnsupported: Another engine deleted rows in a way that isn't read here.
    """
    planner = ManifestGroupPlanner(table.metadata, table.io, row_filter)
    # No file is newer than the manifest that lists it.
    newer = [each for each in manifests_of(table, snapshot) if each.sequence_number > after]
    groups = planner.plan_manifest_entries(newer)
    entries = [entry for group in groups for entry in group]
    if any(entry.data_file.content is not DataFileContent.DATA for entry in entries):
        raise DeleteFilesUnsupported(snapshot.snapshot_id)
    return entries


def day_of(file: IcebergDataFile) -> date:
    """Return the day partition that a data file lies in."""
    return _EPOCH + timedelta(days=file.partition[0])


def _data_file(entry: ManifestEntry, after: int, until: int) -> DataFile:
    file = entry.data_file
    first, last = _sequence_numbers(entry)
    return DataFile(
        path=file.file_path,
        day=day_of(file),
        rows=file.record_count,
        size_bytes=file.file_size_in_bytes,
        sequence_number=entry.sequence_number or 0,
        first_sequence_number=first,
        last_sequence_number=last,
        until=until if last > until else None,
        after=after if first <= after else None,
    )


def _sequence_numbers(entry: ManifestEntry) -> tuple[int, int]:
    """Return the lowest and the highest number of a file's rows; a row without one has the file's.

    What its bounds don't tell is assumed to be as wide as it can be.
    """
    file, own = entry.data_file, entry.sequence_number or 0
    nulls = (file.null_value_counts or {}).get(_SEQUENCE_NUMBER_FIELD.field_id)
    if nulls == file.record_count:
        return own, own
    first = _bound(file.lower_bounds)
    last = _bound(file.upper_bounds) if nulls == 0 else None
    return first or 0, last or own


def _bound(bounds: Mapping[int, bytes] | None) -> int | None:
    encoded = (bounds or {}).get(_SEQUENCE_NUMBER_FIELD.field_id)
    # Iceberg's serialisation of a long: https://iceberg.apache.org/spec/#binary-single-value-serialization
    return int.from_bytes(encoded, "little", signed=True) if encoded else None


def read(
    table: Table,
    files: Sequence[DataFile],
    columns: Sequence[str] = ARROW_SCHEMA.names,
    row_filter: BooleanExpression = EVERY_ROW,
) -> Iterator[pa.RecordBatch]:
    """Yield the matching rows of planned files, in the files' order, as batches of some columns.

    Rows that are newer than the snapshot of the plan, or too old for it, are left out.

    `sequence_number` is filled in: the row's own, or else its file's. Each file and each batch is a
    checkpoint.
    """
    condition = arrow_condition(row_filter)
    for file in files:
        checkpoint()
        wanted = wanted_rows(file, condition)
        with table.io.new_input(file.path).open() as source:
            fragment: ds.ParquetFileFragment | None = PARQUET.make_fragment(source)
            if _LARGEST in columns and (row_filter != EVERY_ROW or file.is_wanted_in_part):
                fragment = promising(fragment, ARROW_SCHEMA, wanted)
            if fragment is not None:
                projection = _projection(file, columns)
                for batch in scanner(fragment, ARROW_SCHEMA, projection, wanted).to_batches():
                    checkpoint()
                    yield batch


def count_rows(table: Table, files: Sequence[DataFile]) -> int:
    """Return how many rows planned files hold; only those are read that the plan wants in part."""
    in_part = [file for file in files if file.is_wanted_in_part]
    whole = sum(file.rows for file in files if not file.is_wanted_in_part)
    return whole + sum(int(batch.num_rows) for batch in read(table, in_part, [_SEQUENCE_NUMBER]))


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """Return the Arrow schema of a scan of these columns."""
    return pa.schema([ARROW_SCHEMA.field(name) for name in columns])


def day_bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """Return the first instant of a range of days in UTC, and the first instant after it."""
    start = datetime.combine(first, time.min, UTC)
    return start, datetime.combine(last, time.min, UTC) + timedelta(days=1)


def arrow_condition(row_filter: BooleanExpression) -> ds.Expression:
    """Return a condition on columns in Arrow's form."""
    return expression_to_pyarrow(bind(SCHEMA, row_filter, case_sensitive=True), SCHEMA)


def wanted_rows(file: DataFile, condition: ds.Expression) -> ds.Expression:
    """Return the condition with that of the plan's moments, as far as a file needs it.

    A row without a number has the file's, which is higher than either bound.
    """
    number = ds.field(_SEQUENCE_NUMBER)
    if file.until is not None:
        # Null is left out with the rows that are too new.
        condition &= number <= file.until
    if file.after is not None:
        condition &= (number > file.after) | number.is_null()
    return condition


def _projection(file: DataFile, columns: Sequence[str]) -> dict[str, ds.Expression]:
    projection = {name: ds.field(name) for name in columns}
    if _SEQUENCE_NUMBER in projection:
        number = pa.scalar(file.sequence_number, pa.int64())
        projection[_SEQUENCE_NUMBER] = pc.coalesce(ds.field(_SEQUENCE_NUMBER), number)
    return projection
