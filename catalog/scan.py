"""Reading the table as of a snapshot: planned by Iceberg, read file by file in bounded memory.

The raw table only grows, and every row has the sequence number of the commit that added it. So the
rows of any snapshot, live or thinned, are the rows of the newest table whose number is at most the
snapshot's. A file is read whole when all of its rows are that old, and in part otherwise. Likewise,
the rows that were added after an earlier snapshot are those with a higher number than its own.

pyiceberg's own batch reader hands every file of a scan to a thread pool and keeps each file's
batches in a list, so with a slow consumer the whole table ends up in memory. This module keeps one
file open at a time, and a few batches of it in memory.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.expressions.visitors import bind, extract_field_ids
from pyiceberg.io.pyarrow import expression_to_pyarrow
from pyiceberg.manifest import DataFileContent, ManifestEntry
from pyiceberg.table import ManifestGroupPlanner, Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from catalog.checkpoints import checkpoint
from catalog.errors import DeleteFilesUnsupported, SnapshotNotFound
from catalog.fragments import BATCH_ROWS, PARQUET, prune_row_groups, read_fragment
from catalog.manifests import manifests_of
from catalog.partitions import day_of
from catalog.schema import ARROW_SCHEMA, CONVERSATION, ID, SCHEMA, SEQUENCE_NUMBER
from catalog.snapshots import Snapshot

EVERY_ROW: Final = AlwaysTrue()
"""The condition that every row meets."""
BEFORE_EVERY_COMMIT: Final = 0
"""A sequence number below that of every commit."""

_ID_FIELD = SCHEMA.find_field(ID)
_SEQUENCE_NUMBER_FIELD = SCHEMA.find_field(SEQUENCE_NUMBER)


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
    """Return the manifest entries of the newest snapshot's data files, as `entries_of` does.

    Raises:
        DeleteFilesUnsupported: Another engine has written delete files.
    """
    newest = table.current_snapshot()
    return entries_of(table, newest, row_filter, after) if newest else []


def entries_of(
    table: Table,
    snapshot: IcebergSnapshot,
    row_filter: BooleanExpression = EVERY_ROW,
    after: int = BEFORE_EVERY_COMMIT,
) -> list[ManifestEntry]:
    """Return the manifest entries of a snapshot's data files that may hold matching rows.

    Args:
        table: Any table of the lake.
        snapshot: A live snapshot of the table.
        row_filter: The condition that rows have to meet.
        after: Manifests without a row above this sequence number aren't opened.

    Raises:
        DeleteFilesUnsupported: Another engine has written delete files.
    """
    planner = ManifestGroupPlanner(table.metadata, table.io, row_filter)
    # No file is newer than the manifest that lists it.
    manifests = manifests_of(table, snapshot)
    newer = [manifest for manifest in manifests if manifest.sequence_number > after]
    groups = planner.plan_manifest_entries(newer)
    entries = [entry for group in groups for entry in group]
    if any(entry.data_file.content is not DataFileContent.DATA for entry in entries):
        raise DeleteFilesUnsupported(snapshot.snapshot_id)
    return entries


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
        least_id=_bound_of_ids(file.lower_bounds) or "",
        greatest_id=_bound_of_ids(file.upper_bounds),
    )


def _sequence_numbers(entry: ManifestEntry) -> tuple[int, int]:
    """Return the lowest and the highest sequence number of a file's rows.

    Where the file's column bounds don't tell, the widest possible range is assumed.
    """
    file, own = entry.data_file, entry.sequence_number or 0
    nulls = (file.null_value_counts or {}).get(_SEQUENCE_NUMBER_FIELD.field_id)
    if nulls == file.record_count:
        return own, own
    first = _bound(file.lower_bounds)
    last = _bound(file.upper_bounds) if nulls == 0 else None
    return first or 0, last or own


def _bound_of_ids(bounds: Mapping[int, bytes] | None) -> str | None:
    # Bounds of texts are often cut off: lower ones are lower then, and upper ones higher.
    encoded = (bounds or {}).get(_ID_FIELD.field_id)
    return None if encoded is None else encoded.decode()


def _bound(bounds: Mapping[int, bytes] | None) -> int | None:
    encoded = (bounds or {}).get(_SEQUENCE_NUMBER_FIELD.field_id)
    # Iceberg's serialisation of a long: https://iceberg.apache.org/spec/#binary-single-value-serialization
    return int.from_bytes(encoded, "little", signed=True) if encoded else None


def read(
    table: Table,
    files: Iterable[DataFile],
    columns: Sequence[str] = ARROW_SCHEMA.names,
    row_filter: BooleanExpression = EVERY_ROW,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[pa.RecordBatch]:
    """Yield the matching rows of planned files as record batches, in the files' order.

    Rows that are too new or too old for the plan are left out. In the column `sequence_number`, a
    row without its own number gets its file's. Each file and each batch is a checkpoint.

    Args:
        table: The table of the plan.
        files: The planned files, each of which is asked for when those before it were read.
        columns: Names of the columns to read, in the order of the result, see `schema_of`.
        row_filter: The condition that rows have to meet.
        batch_rows: The number of rows that are decoded at once. A caller that ends early decodes
            less with fewer.
    """
    schema = schema_of(columns)
    # The columns of the condition beside, and what tells the turns of a file without the fields.
    counted = [f"{CONVERSATION}.stopped"] if CONVERSATION in schema.names else []
    needed = schema_of([*columns, *counted, *_names_in(row_filter), SEQUENCE_NUMBER])
    condition = arrow_condition(row_filter)
    nothing = pa.RecordBatch.from_pylist([], schema)
    for file in files:
        checkpoint()
        wanted = wanted_rows(file, condition)
        is_whole = row_filter == EVERY_ROW and not file.is_wanted_in_part
        with table.io.new_input(file.path).open() as source:
            fragment: ds.ParquetFileFragment | None = PARQUET.make_fragment(source)
            if CONVERSATION in schema.names and not is_whole:
                fragment = prune_row_groups(fragment, ARROW_SCHEMA, wanted)
            elif not is_whole:
                fragment = PARQUET.make_fragment(source).subset(wanted, schema=ARROW_SCHEMA)
            if fragment is None:
                continue
            matching = None if is_whole else wanted
            for rows in read_fragment(source, fragment, needed, matching, batch_rows):
                checkpoint()
                if rows.num_rows:
                    yield _numbered(rows, file).select(schema.names).cast(schema)
                else:
                    yield nothing


def count_rows(table: Table, files: Sequence[DataFile]) -> int:
    """Count the rows of planned files, reading only the files that are wanted in part."""
    in_part = [file for file in files if file.is_wanted_in_part]
    whole = sum(file.rows for file in files if not file.is_wanted_in_part)
    return whole + sum(int(batch.num_rows) for batch in read(table, in_part, [SEQUENCE_NUMBER]))


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """Return the Arrow schema of a scan with these columns.

    Args:
        columns: Names of columns in their order. `conversation.rating` is the conversation, of
            whose turns only the rating is read; other fields of turns can be named beside it.
    """
    every_field: pa.StructType = pa.struct(ARROW_SCHEMA)
    chosen = _narrowed(every_field, columns)
    names = dict.fromkeys(path.partition(".")[0] for path in columns)
    return pa.schema([chosen.field(name) for name in names])


def _narrowed(kind: pa.DataType, paths: Collection[str]) -> pa.DataType:
    """Return a type with some of its fields, and those of its lists' elements.

    Args:
        kind: The type.
        paths: The fields, with dots between those of different levels; an empty path is all.
    """
    if "" in paths:
        return kind
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_narrowed(kind.value_type, paths)))
    within: dict[str, set[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        within.setdefault(name, set()).add(rest)
    return pa.struct(
        field.with_type(_narrowed(field.type, within[field.name]))
        for field in kind
        if field.name in within
    )


def day_bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """Return the first instant of a range of days, and the first instant after it, in UTC."""
    start = datetime.combine(first, time.min, UTC)
    return start, datetime.combine(last, time.min, UTC) + timedelta(days=1)


def arrow_condition(row_filter: BooleanExpression) -> ds.Expression:
    """Convert a condition from Iceberg's form to Arrow's."""
    return expression_to_pyarrow(bind(SCHEMA, row_filter, case_sensitive=True), SCHEMA)


def wanted_rows(file: DataFile, condition: ds.Expression) -> ds.Expression:
    """Add to a condition that rows aren't too new or too old for the plan, where a file needs it.

    A row without its own number has the file's, which is above both bounds of the plan.
    """
    number = ds.field(SEQUENCE_NUMBER)
    if file.until is not None:
        # A null compares as unknown, so the row is left out as too new.
        condition &= number <= file.until
    if file.after is not None:
        condition &= (number > file.after) | number.is_null()
    return condition


def _names_in(row_filter: BooleanExpression) -> set[str]:
    bound = bind(SCHEMA, row_filter, case_sensitive=True)
    return {SCHEMA.find_field(field_id).name for field_id in extract_field_ids(bound)}


def _numbered(rows: pa.RecordBatch, file: DataFile) -> pa.RecordBatch:
    """Give the rows that have no sequence number of their own that of their file."""
    own = rows.column(SEQUENCE_NUMBER)
    numbers = own.fill_null(file.sequence_number)
    return rows.set_column(rows.schema.get_field_index(SEQUENCE_NUMBER), SEQUENCE_NUMBER, numbers)
