"""Rows of Parquet files; the one module that needs pyarrow."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from chatlake_client.containers.csv_rows import refuse_repeated
from chatlake_client.containers.source import Source, opened_seekable
from chatlake_client.records import Row

BATCH_ROWS: Final = 256
BUFFER_BYTES: Final = 1024 * 1024


def read_parquet(source: Source) -> Iterator[Row]:
    """Yield the rows of a Parquet file, a few at a time.

    Raises:
        ValueError: The file is no Parquet, breaks off, or has two columns of one name.
    """
    number = 0
    try:
        with (
            opened_seekable(source) as opened,
            pq.ParquetFile(opened, buffer_size=BUFFER_BYTES, pre_buffer=False) as file,
        ):
            refuse_repeated(file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for value in batch.to_pylist():
                    number += 1
                    yield Row(number, value, number / file.metadata.num_rows)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
