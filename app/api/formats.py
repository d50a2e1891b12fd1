"""Rows in the form that the client accepts; they may be those of any Arrow schema."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import RawIOBase
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from flask import Request
from typing_extensions import Buffer
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable

from app.api.csv_stream import csv_stream
from catalog.arrow import row_groups

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"
CSV: Final = "text/csv"

# Sums are decimals; a number of any length is a number in JSON.
_encoder = msgspec.json.Encoder(decimal_format="number")

Batches = Iterable[pa.RecordBatch]


def encode_json(value: object) -> bytes:
    """Return a value as JSON: times in RFC 3339, UTC as Z."""
    return _encoder.encode(value)


def _ndjson(batches: Batches, _schema: pa.Schema) -> Iterator[bytes]:
    for batch in batches:
        yield _encoder.encode_lines(batch.to_pylist())


def _arrow_stream(batches: Batches, schema: pa.Schema) -> Iterator[bytes]:
    sink = _Sink()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


def _parquet(batches: Batches, schema: pa.Schema) -> Iterator[bytes]:
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in row_groups(batches):
            writer.write_table(group)
            yield sink.take()
    yield sink.take()


STREAMS: Final[dict[str, Callable[[Batches, pa.Schema], Iterator[bytes]]]] = {
    NDJSON: _ndjson,
    ARROW_STREAM: _arrow_stream,
    PARQUET: _parquet,
    CSV: csv_stream,
}
"""How to stream the rows of each media type, given their schema."""
PAGED: Final = (JSON, *STREAMS)
"""What a resource comes in that has pages in JSON, and rows in every other form."""


def negotiate(request: Request, offered: Sequence[str] = PAGED) -> str:
    """Return the media type to answer with; the first one when the client doesn't care.

    Args:
        request: The request, whose Accept tells what the client likes.
        offered: The media types that the resource comes in, the preferred one first.

    Raises:
        NotAcceptable: The client takes none of them.
    """
    if not request.accept_mimetypes:
        return offered[0]
    # Ours have no parameters, so those of the client, such as a charset, tell nothing apart.
    accepted = MIMEAccept(
        [
            (media_range.partition(";")[0].strip(), quality)
            for media_range, quality in request.accept_mimetypes
        ]
    )
    if best := accepted.best_match(offered):
        return best
    raise NotAcceptable(f"this resource comes as {', '.join(offered)}")


class _Sink(RawIOBase):
    """A file whose bytes are taken away as they are written."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        self._chunks.append(bytes(data))
        return len(self._chunks[-1])

    def take(self) -> bytes:
        taken, self._chunks = b"".join(self._chunks), []
        return taken
