"""Rows of Arrow's files and streams: Feather, and what Hugging Face's `save_to_disk` writes."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from chatlake_client.containers.csv_rows import refuse_repeated
from chatlake_client.containers.source import Source, opened_seekable
from chatlake_client.records import Row

FILE_MAGIC: Final = b"ARROW1"


def read_arrow(source: Source) -> Iterator[Row]:
    """Yield the rows of a file or a stream of Arrow, a batch at a time.

    Raises:
        ValueError: The file is broken, or has two columns of one name.
    """
    number = 0
    try:
        with opened_seekable(source) as opened:
            is_file = opened.read(len(FILE_MAGIC)) == FILE_MAGIC
            opened.seek(0)
            for batch in _batches(opened) if is_file else pa.ipc.open_stream(opened):
                refuse_repeated(batch.schema.names)
                for value in batch.to_pylist():
                    number += 1
                    yield Row(number, value, source.share())
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _batches(opened: object) -> Iterator[pa.RecordBatch]:
    file = pa.ipc.open_file(opened)
    for place in range(file.num_record_batches):
        yield file.get_batch(place)
