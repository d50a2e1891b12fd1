"""Raw rows in the order of a release, sorted day by day in a fixed amount of memory."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.query.scratch import open_scratch
from catalog.fragments import BATCH_ROWS
from catalog.scan import DataFile, read
from catalog.schema import ARROW_SCHEMA

_SORT_MEMORY_MIB: Final = 256
"""Memory for sorting a day; rows beyond it spill to the temporary folder."""
_TIME: Final = ARROW_SCHEMA.field("received_at")
# Times travel as numbers: DuckDB would return them in another time zone.
_SORTABLE: Final = ARROW_SCHEMA.set(
    ARROW_SCHEMA.get_field_index(_TIME.name), _TIME.with_type(pa.int64())
)
_SORTED: Final = "SELECT * FROM waiting ORDER BY received_at, contribution_id"


def raw_rows_in_order(
    table: Table,
    files: Sequence[DataFile],
    keep: Callable[[pa.RecordBatch], pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of data files, sorted by received_at and contribution_id.

    Args:
        table: The raw table.
        files: Data files of the table, in the order of their days.
        keep: Returns the rows of a batch that are to be released.
    """
    for _, files_of_day in groupby(files, key=lambda file: file.day):
        yield from sort_day(keep(batch) for batch in read(table, list(files_of_day)))


def sort_day(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield raw rows, sorted by received_at and contribution_id."""
    with open_scratch(_SORT_MEMORY_MIB) as connection:
        waiting = pa.RecordBatchReader.from_batches(_SORTABLE, map(_sortable, batches))
        connection.register("waiting", waiting)
        for batch in connection.sql(_SORTED).to_arrow_reader(BATCH_ROWS):
            columns = [
                column.cast(field.type) for column, field in zip(batch, ARROW_SCHEMA, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=ARROW_SCHEMA)


def _sortable(batch: pa.RecordBatch) -> pa.RecordBatch:
    times = pc.cast(batch[_TIME.name], pa.int64())
    index = batch.schema.get_field_index(_TIME.name)
    columns = [*batch.columns[:index], times, *batch.columns[index + 1 :]]
    return pa.RecordBatch.from_arrays(columns, schema=_SORTABLE)
