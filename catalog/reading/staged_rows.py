"""Reading the rows of staged files, which no snapshot refers to yet, and leaving rows out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from uuid import UUID

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyiceberg.table import Table

from catalog.reading.fragments import PARQUET
from catalog.reading.scan import schema_of
from catalog.schema import ARROW_SCHEMA
from catalog.writing.staging import StagedFile


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


def read_row_groups(
    table: Table, file: StagedFile, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield the row groups of a staged file.

    Args:
        table: The table that the file was staged for.
        file: The file.
        columns: The columns to read; None for all.
    """
    with table.io.new_input(file.path).open() as stream:
        stored = pq.ParquetFile(stream)
        for number in range(stored.num_row_groups):
            yield stored.read_row_group(number, columns)


def without_rows(
    table: Table, file: StagedFile, name: UUID, kept: Mapping[int, pa.Array]
) -> list[StagedFile]:
    """Write a staged file anew without some of its rows, and return what takes its place.

    Args:
        table: The table that the file was staged for.
        file: The file, which stays.
        name: Id of the new file; one with the same name is overwritten.
        kept: For each number of a row group that loses rows, whether each of its rows stays.

    Returns:
        The new file; nothing when no row is left.
    """
    path = f"{file.path.rpartition('/')[0]}/{name}.parquet"
    rows = 0
    with ExitStack() as stack:
        writer = None
        for number, group in enumerate(read_row_groups(table, file)):
            left = group.filter(kept[number]) if number in kept else group
            if not len(left):
                continue
            if writer is None:
                output = stack.enter_context(table.io.new_output(path).create(overwrite=True))
                writer = stack.enter_context(
                    pq.ParquetWriter(output, group.schema, compression="zstd")
                )
            writer.write_table(left)
            rows += len(left)
    return [StagedFile(path, rows)] if rows else []
