"""Reading the files of a plan, one after the other and in bounded memory.

pyiceberg's own batch reader hands every file of a scan to a thread pool and keeps each file's
batches in a list, so with a slow consumer the whole table ends up in memory. This module keeps one
file open at a time, and a few batches of it in memory.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.expressions import (
    And,
    BooleanExpression,
    GreaterThanOrEqual,
    LessThanOrEqual,
)
from pyiceberg.expressions.visitors import bind, extract_field_ids
from pyiceberg.io.pyarrow import expression_to_pyarrow
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from catalog.checkpoints import checkpoint
from catalog.reading.fragments import (
    BATCH_ROWS,
    PARQUET,
    prune_row_groups,
    read_fragment,
    with_rows,
)
from catalog.reading.membership import ids_between, is_among
from catalog.reading.plans import EVERY_ROW, DataFile, PlannedFile
from catalog.schema import ARROW_SCHEMA, CONVERSATION, ID, SCHEMA, SEQUENCE_NUMBER

COUNTED_FIELD: Final = f"{CONVERSATION}.stopped"
"""The field of turns that is read where they are only counted: small, and never missing."""
_REMEMBERED_SCHEMAS: Final = 128


CandidateRows = Callable[[PlannedFile], pa.Array | None]
"""Tells which rows of a data file may be wanted, by their positions in the file, ascending.

None means that all of them may be.
"""
NO_ROWS: Final = pa.array([], pa.int64())
"""The positions of no rows."""


def all_rows(_file: PlannedFile) -> None:
    """Tell that all rows of a data file may be wanted."""


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
    # A scan asks for each day, and it takes 60 µs.
    if table_schema is ARROW_SCHEMA:
        return _schema_of_contributions(tuple(columns))
    return _chosen(columns, table_schema)


@lru_cache(maxsize=_REMEMBERED_SCHEMAS)
def _schema_of_contributions(columns: tuple[str, ...]) -> pa.Schema:
    return _chosen(columns, ARROW_SCHEMA)


def _chosen(columns: Sequence[str], table_schema: pa.Schema) -> pa.Schema:
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
