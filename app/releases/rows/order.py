"""Raw rows in the order of a release, sorted day by day in a fixed amount of memory."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

import pyarrow as pa
from pyiceberg.table import Table

from app.releases.rows.times import with_times_as
from app.state.scratch import open_scratch
from catalog.reading.fragments import BATCH_ROWS
from catalog.reading.plans import DataFile
from catalog.reading.scan import read

_SORT_MEMORY_MIB: Final = 256
"""Memory for sorting a day; rows beyond it spill to the temporary folder."""
_SORTED: Final = "SELECT * FROM waiting ORDER BY received_at, contribution_id"


def raw_rows_in_order(
    table: Table,
    files: Sequence[DataFile],
    keep: Callable[[pa.RecordBatch], pa.RecordBatch],
    schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of data files, sorted by received_at and contribution_id.

    Args:
        table: The raw table.
        files: Data files of the table, in the order of their days.
        keep: Returns the rows of a batch that are to be released.
        schema: Schema of the result: columns of the table, and the fields of them to keep.
    """
    for _, files_of_day in groupby(files, key=lambda file: file.day):
        batches = read(table, list(files_of_day), schema.names)
        yield from sort_day((keep(batch).cast(schema) for batch in batches), schema)


def sort_day(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield raw rows of a schema, sorted by received_at and contribution_id."""
    # Times travel as numbers: DuckDB would return them in another time zone.
    sortable = with_times_as(pa.int64(), schema)
    with open_scratch(_SORT_MEMORY_MIB) as connection:
        numbered = (batch.cast(sortable) for batch in batches)
        connection.register("waiting", pa.RecordBatchReader.from_batches(sortable, numbered))
        for batch in connection.sql(_SORTED).to_arrow_reader(BATCH_ROWS):
            columns = [column.cast(field.type) for column, field in zip(batch, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
