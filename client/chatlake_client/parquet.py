"""Rows of Parquet files; the one module that needs pyarrow."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from chatlake_client.errors import UnreadableFileError
from chatlake_client.records import Row

BATCH_ROWS: Final = 256
BUFFER_BYTES: Final = 1024 * 1024


def read_parquet(path: Path, check_names: Callable[[Sequence[str]], None]) -> Iterator[Row]:
    """Yield the rows of a Parquet file, a few at a time.

    Args:
        path: The file.
        check_names: Is given the names of the columns first, and raises ValueError to refuse them.

    Raises:
        UnreadableFileError: The file is no Parquet, or breaks off.
    """
    number = 0
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            check_names(file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for value in batch.to_pylist():
                    number += 1
                    yield Row(number, value, number / file.metadata.num_rows)
    except pa.ArrowException as error:
        raise UnreadableFileError(path, str(error)) from error
