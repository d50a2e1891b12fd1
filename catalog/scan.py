"""Reading the table as of a snapshot: planned by Iceberg, read file by file in bounded memory.

The raw table only grows, and every row has the sequence number of the commit that added it. So the
rows of any snapshot, live or thinned, are the rows of the newest table whose number is at most the
snapshot's. A file is read whole when all of its rows are that old, and in part otherwise. Likewise,
the rows that were added after an earlier snapshot are those with a higher number than its own.

pyiceberg's own batch reader hands every file of a scan to a thread pool and keeps each file's
batches in a list, so with a slow consumer the whole table ends up in memory. This module keeps one
file open at a time, and a few batches of it in memory.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    GreaterThanOrEqual,
    LessThanOrEqual,
)
from pyiceberg.expressions.visitors import bind, extract_field_ids
from pyiceberg.io.pyarrow import expression_to_pyarrow
from pyiceberg.manifest import ManifestEntry
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from catalog.checkpoints import checkpoint
from catalog.errors import DeleteFilesUnsupported, SnapshotNotFound
from catalog.fragments import BATCH_ROWS, PARQUET, prune_row_groups, read_fragment, with_rows
from catalog.manifests import (
    COMMIT_NUMBER,
    DAY,
    PATH,
    SIZE_BYTES,
    column_of,
    files_in,
    files_of,
    manifests_of,
)
from catalog.membership import ids_between, is_among
from catalog.pruning import LOWER, NULLS, ROWS, UPPER
from catalog.schema import ARROW_SCHEMA, CONVERSATION, ID, SCHEMA, SEQUENCE_NUMBER
from catalog.snapshots import Snapshot

COUNTED_FIELD: Final = f"{CONVERSATION}.stopped"
"""The field of turns that is read where they are only counted: small, and never missing."""
EVERY_ROW: Final = AlwaysTrue()
"""The condition that every row meets."""
BEFORE_EVERY_COMMIT: Final = 0
"""A sequence number below that of every commit."""

_ID_FIELD = SCHEMA.find_field(ID)
_SEQUENCE_NUMBER_FIELD = SCHEMA.find_field(SEQUENCE_NUMBER)
_FIRST: Final = "first_sequence_number"
_LAST: Final = "last_sequence_number"
_NO_FILES: Final = pa.schema(
    {
        PATH: pa.string(),
        DAY: pa.date32(),
        **dict.fromkeys((ROWS, SIZE_BYTES, COMMIT_NUMBER, _FIRST, _LAST), pa.int64()),
        **dict.fromkeys(("least_id", "greatest_id"), pa.string()),
    }
).empty_table()
"""What a plan needs of files, of none."""


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

    @property
    def is_rewritten(self) -> bool:
        """Whether compaction wrote it, so that it stays for long though its day still grows."""


CandidateRows = Callable[[PlannedFile], pa.Array | None]
"""Tells which rows of a data file may be wanted, by their positions in the file, ascending.

None means that all of them may be.
"""


def all_rows(_file: PlannedFile) -> None:
    """Tell that all rows of a data file may be wanted."""


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


def newest_entries(table: Table) -> list[ManifestEntry]:
    """Return the manifest entries of the newest snapshot's data files, as `entries_of` does.

    Raises:
        DeleteFilesUnsupported: Another engine has written delete files.
    """
    newest = table.current_snapshot()
    return entries_of(table, newest) if newest else []


def entries_of(
    table: Table, snapshot: IcebergSnapshot, paths: Collection[str] | None = None
) -> list[ManifestEntry]:
    """Return the manifest entries of a snapshot's data files, with all that manifests tell of them.

    The manifests are read each time, which takes long: plans go by `files_of`.

    Args:
        table: Any table of the lake.
        snapshot: A live snapshot of the table.
        paths: URLs of the data files, of whose manifests alone all entries are read; None for all.

    Raises:
        DeleteFilesUnsupported: Another engine has written delete files.
    """
    wanted = None if paths is None else pa.array(set(paths), pa.string())
    entries: list[ManifestEntry] = []
    for manifest in manifests_of(table, snapshot):
        files = files_in(table, manifest)
        if files is None:
            raise DeleteFilesUnsupported(snapshot.snapshot_id)
        if wanted is None or pc.any(pc.is_in(files[PATH], wanted)).as_py():
            entries += manifest.fetch_manifest_entry(table.io)
    if wanted is None:
        return entries
    named = set(wanted.to_pylist())
    return [entry for entry in entries if entry.data_file.file_path in named]


def _as_of(found: Iterable[pa.Table], after: int, until: int) -> list[DataFile]:
    """Return the files with rows in a range of sequence numbers, in the order of a plan."""
    files = pa.concat_tables([_NO_FILES, *map(_numbered_files, found)])
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
            *(files[name].to_pylist() for name in _NO_FILES.column_names), strict=True
        )
    ]


def _numbered_files(files: pa.Table) -> pa.Table:
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
    return pa.Table.from_arrays(columns, schema=_NO_FILES.schema)


def read(
    table: Table,
    files: Iterable[DataFile],
    columns: Sequence[str] = ARROW_SCHEMA.names,
    row_filter: BooleanExpression = EVERY_ROW,
    candidates: CandidateRows = all_rows,
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
        candidates: Tells which rows of a file have to be looked at. A file without any stays
            closed.
        batch_rows: The number of rows that are decoded at once. A caller that ends early decodes
            less with fewer.
    """
    schema = schema_of(columns)
    # The columns of the condition beside, and what tells the turns of a file without the fields.
    counted = [COUNTED_FIELD] if CONVERSATION in schema.names else []
    needed = schema_of([*columns, *counted, *columns_in(row_filter), SEQUENCE_NUMBER])
    condition = arrow_condition(row_filter)
    nothing = pa.RecordBatch.from_pylist([], schema)
    for file in files:
        checkpoint()
        positions = candidates(file)
        if positions is not None and not len(positions):
            continue
        is_whole = row_filter == EVERY_ROW and not file.is_wanted_in_part
        wanted = None if is_whole else wanted_rows(file, condition)
        with table.io.new_input(file.path).open() as source:
            fragment = row_groups_of(source, positions, wanted, schema)
            if fragment is None:
                continue
            for rows in read_fragment(source, fragment, needed, wanted, batch_rows, positions):
                checkpoint()
                if rows.num_rows:
                    yield _numbered(rows, file).select(schema.names).cast(schema)
                else:
                    yield nothing


def read_with_ids(
    table: Table, files: Iterable[DataFile], ids: pa.Array, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of planned files that have one of some ids; batches may be empty.

    Only files and row groups that may have one of them are read.

    Args:
        table: The table of the plan.
        files: The planned files.
        ids: The contribution_ids, ascending.
        columns: Names of the columns to read, of which `contribution_id` is one.
    """
    for file in files:
        near = ids_between(ids, file.least_id, file.greatest_id)
        if len(near):
            first, last = near[0].as_py(), near[-1].as_py()
            within = And(GreaterThanOrEqual(ID, first), LessThanOrEqual(ID, last))
            for batch in read(table, [file], columns, within):
                yield batch.filter(is_among(batch[ID], near))


def row_groups_of(
    source: Any,
    positions: pa.Array | None,
    condition: ds.Expression | None,
    schema: pa.Schema,
    table_schema: pa.Schema = ARROW_SCHEMA,
) -> ds.ParquetFileFragment | None:
    """Return the row groups of a file that may have matching rows; None without any.

    Args:
        source: The file, open for reading.
        positions: The positions in the file of the rows to look at, ascending; all when None.
        condition: The rows that are wanted; all when None.
        schema: The columns that are read. Where they have conversations, a look at the rows is
            worth its time, unless their positions are known.
        table_schema: The Arrow schema of the table.
    """
    fragment = PARQUET.make_fragment(source)
    if positions is not None:
        fragment = with_rows(fragment, positions)
    if condition is None:
        return fragment
    if CONVERSATION in schema.names and positions is None:
        return prune_row_groups(fragment, table_schema, condition)
    return fragment.subset(condition, schema=table_schema)


def read_every_row(
    table: Table, file: PlannedFile, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a data file in their order, also those that the plan leaves out.

    Args:
        table: The table of the file.
        file: The file.
        columns: Names of columns to read that every table with conversations has, see `schema_of`.
    """
    schema = schema_of(columns)
    with table.io.new_input(file.path).open() as source:
        yield from read_fragment(source, PARQUET.make_fragment(source), schema)


def count_rows(table: Table, files: Sequence[DataFile]) -> int:
    """Count the rows of planned files, reading only the files that are wanted in part."""
    in_part = [file for file in files if file.is_wanted_in_part]
    whole = sum(file.rows for file in files if not file.is_wanted_in_part)
    return whole + sum(int(batch.num_rows) for batch in read(table, in_part, [SEQUENCE_NUMBER]))


def schema_of(columns: Sequence[str], table_schema: pa.Schema = ARROW_SCHEMA) -> pa.Schema:
    """Return the Arrow schema of a scan with these columns.

    Args:
        columns: Names of columns in their order. `conversation.rating` is the conversation, of
            whose turns only the rating is read; other fields of turns can be named beside it.
        table_schema: The Arrow schema of the table.
    """
    every_field: pa.StructType = pa.struct(table_schema)
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


def arrow_condition(row_filter: BooleanExpression, schema: Schema = SCHEMA) -> ds.Expression:
    """Convert a condition from Iceberg's form to Arrow's.

    Args:
        row_filter: The condition.
        schema: The Iceberg schema of the table.
    """
    return expression_to_pyarrow(bind(schema, row_filter, case_sensitive=True), schema)


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


def columns_in(row_filter: BooleanExpression, schema: Schema = SCHEMA) -> set[str]:
    """Return the names of the columns that a condition looks at.

    Args:
        row_filter: The condition.
        schema: The Iceberg schema of the table.
    """
    bound = bind(schema, row_filter, case_sensitive=True)
    return {schema.find_field(field_id).name for field_id in extract_field_ids(bound)}


def _numbered(rows: pa.RecordBatch, file: DataFile) -> pa.RecordBatch:
    """Give the rows that have no sequence number of their own that of their file."""
    own = rows.column(SEQUENCE_NUMBER)
    numbers = own.fill_null(file.sequence_number)
    return rows.set_column(rows.schema.get_field_index(SEQUENCE_NUMBER), SEQUENCE_NUMBER, numbers)
