"""Reading the rows of staged files, which no snapshot refers to yet."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.table import Table

from catalog.fragments import PARQUET
from catalog.scan import schema_of
from catalog.schema import ARROW_SCHEMA
from catalog.staging import StagedFile


def read_staged(
    table: Table, files: Iterable[StagedFile], columns: Sequence[str], condition: ds.Expression
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of staged files that meet a condition, without a sequence number.

    Row groups that can't have such rows aren't read.

    Args:
        table: The table that the files are for.
        files: The files.
        columns: Names of whole columns, in the order of the result.
        condition: The condition on whole columns; a column that a file lacks is null.
    """
    schema = schema_of(columns)
    for file in files:
        with table.io.new_input(file.path).open() as source:
            fragment = PARQUET.make_fragment(source)
            scanner = fragment.scanner(
                schema=ARROW_SCHEMA, columns=schema.names, filter=condition, use_threads=False
            )
            for batch in scanner.to_batches():
                yield batch.cast(schema)
