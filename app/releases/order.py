"""Raw rows in the order of a release, in memory that the size of a day doesn't change."""

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
"""Memory in which a day is sorted; what is more spills to the temporary folder."""
_TIME: Final = ARROW_SCHEMA.field("received_at")
# Moments as numbers: DuckDB would give them back in a zone of its own.
_SORTABLE: Final = ARROW_SCHEMA.set(
    ARROW_SCHEMA.get_field_index(_TIME.name), _TIME.with_type(pa.int64())
)
_SORTED: Final = "SELECT * FROM waiting ORDER BY received_at, contribution_id"


def in_order(
    table: Table,
    files: Sequence[DataFile],
    wanted: Callable[[pa.RecordBatch], pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of planned files, ordered by received_at and contribution_id.

    Args:
        table: The raw table.
        files: Its files, by day.
        wanted: Returns the rows of a batch that are wanted.
    """
    for _, of_day in groupby(files, key=lambda file: file.day):
        yield from _sorted(wanted(batch) for batch in read(table, list(of_day)))


def _sorted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
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
