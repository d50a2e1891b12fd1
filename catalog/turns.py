"""Reading one field of the turns, such as the rating, without reading their texts.

Parquet keeps each field of a turn in its own column, and the texts take up nearly all of a file.
Arrow's scanner always reads a list with all its fields, so this module asks the Parquet reader for
the one column.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyiceberg.expressions import BooleanExpression
from pyiceberg.expressions.visitors import bind, extract_field_ids
from pyiceberg.table import Table

from catalog.checkpoints import checkpoint
from catalog.fragments import BATCH_ROWS, PARQUET
from catalog.scan import EVERY_ROW, DataFile, arrow_condition, wanted_rows
from catalog.schema import ARROW_SCHEMA, CONVERSATION, SCHEMA


def read_turns(
    table: Table,
    files: Sequence[DataFile],
    columns: Sequence[str],
    turn_field: str,
    row_filter: BooleanExpression = EVERY_ROW,
) -> Iterator[pa.RecordBatch]:
    """Yield the matching rows of planned files, with only one field of each turn.

    Each file and each batch is a checkpoint.

    Args:
        table: The table of the plan.
        files: The planned files.
        columns: Names of the columns to read; `conversation` is added as the last one.
        turn_field: The field of the turns to read, such as `rating`.
        row_filter: The condition that rows have to meet.
    """
    condition = arrow_condition(row_filter)
    needed = {*columns, *_names_in(row_filter), "sequence_number"}
    for file in files:
        checkpoint()
        with table.io.new_input(file.path).open() as source:
            for batch in _batches(source, sorted(needed), turn_field, wanted_rows(file, condition)):
                checkpoint()
                yield batch.select([*columns, CONVERSATION])


def _batches(
    source: Any, columns: Sequence[str], turn_field: str, condition: ds.Expression
) -> Iterator[pa.RecordBatch]:
    fragment = PARQUET.make_fragment(source).subset(condition, schema=ARROW_SCHEMA)
    groups = [group.id for group in fragment.row_groups]
    if not groups:
        return
    file = pq.ParquetFile(source, metadata=fragment.metadata, pre_buffer=False)
    leaves = [*columns, f"{CONVERSATION}.list.element.{turn_field}"]
    for batch in file.iter_batches(BATCH_ROWS, groups, leaves, use_threads=False):
        yield _completed(batch, columns).filter(condition)


def _completed(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    """Add the columns that an older file lacks, as nulls."""
    for name in columns:
        if name not in batch.schema.names:
            field = ARROW_SCHEMA.field(name)
            batch = batch.append_column(field, pa.nulls(batch.num_rows, field.type))
    return batch


def _names_in(row_filter: BooleanExpression) -> set[str]:
    bound = bind(SCHEMA, row_filter, case_sensitive=True)
    return {SCHEMA.find_field(field_id).name for field_id in extract_field_ids(bound)}
