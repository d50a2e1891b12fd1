"""Media types of answers: how one is chosen by Accept, and how rows are written in each."""

from collections.abc import Callable, Iterable, Iterator
from io import RawIOBase
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from flask import Request
from typing_extensions import Buffer
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable

from app.api.csv_stream import csv_stream
from catalog.columns.arrow import row_groups

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"
CSV: Final = "text/csv"

# Sums are decimals, and JSON numbers may have any length.
_encoder = msgspec.json.Encoder(decimal_format="number")

Batches = Iterable[pa.RecordBatch]
Rows = Callable[[pa.RecordBatch], list[dict[str, Any]]]
"""Makes plain values of a batch."""


def encode_json(value: object) -> bytes:
    """Return a value as JSON, with times as in RFC 3339 and UTC as Z."""
    return _encoder.encode(value)


def _ndjson(batches: Batches, _schema: pa.Schema, rows: Rows) -> Iterator[bytes]:
    for batch in batches:
        yield _encoder.encode_lines(rows(batch))


def _arrow_stream(batches: Batches, schema: pa.Schema, _rows: Rows) -> Iterator[bytes]:
    sink = _Sink()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


def _parquet(batches: Batches, schema: pa.Schema, _rows: Rows) -> Iterator[bytes]:
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in row_groups(batches):
            writer.write_table(group)
            yield sink.take()
    yield sink.take()


STREAMS: Final[dict[str, Callable[[Batches, pa.Schema, Rows], Iterator[bytes]]]] = {
    NDJSON: _ndjson,
    ARROW_STREAM: _arrow_stream,
    PARQUET: _parquet,
    CSV: csv_stream,
}
"""Writers of rows by media type; each yields bytes.

They take batches, the schema of these, and what makes rows of them in the formats of plain values.
"""
MEDIA_TYPES: Final = (JSON, *STREAMS)
"""The media types of answers: JSON for pages with their cursors, and all others for rows alone."""


def negotiate(request: Request) -> str:
    """Return the media type to answer with: the one that Accept prefers, or JSON without Accept.

    Raises:
        NotAcceptable: The client accepts none of `MEDIA_TYPES`.
    """
    if best := preferred(request.accept_mimetypes):
        return best
    raise NotAcceptable(f"this resource comes as {', '.join(MEDIA_TYPES)}")


def preferred(accept: MIMEAccept) -> str | None:
    """Return the media type that Accept prefers, or JSON without Accept; None if it takes none."""
    if not accept:
        return JSON
    # These media types have no parameters, so a parameter such as a charset is of no use here.
    accepted = MIMEAccept(
        [(media_range.partition(";")[0].strip(), quality) for media_range, quality in accept]
    )
    return accepted.best_match(MEDIA_TYPES)


class _Sink(RawIOBase):
    """A file in memory that hands over its bytes and keeps none."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        self._chunks.append(bytes(data))
        return len(self._chunks[-1])

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken, self._chunks = b"".join(self._chunks), []
        return taken
