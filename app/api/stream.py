"""The body of a request as a stream of pieces: decompressed, in bounded memory."""

from collections.abc import Iterator
from io import RawIOBase
from typing import Final

import pyarrow as pa
from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, UnsupportedMediaType
from werkzeug.wsgi import get_input_stream

from app.api.body import CONNECTION, ENCODINGS
from app.api.formats import NDJSON
from app.api.guards import current_guards
from app.ingest.errors import MalformedBody

NDJSON_TYPES: Final = (NDJSON, "application/ndjson", "application/jsonl", "application/jsonlines")
PIECE_BYTES: Final = 1024 * 1024
"""How much is read, inflated and decoded at once: a thousand conversations or so."""


def read_ndjson(request: Request, timeout_s: float) -> Iterator[bytes]:
    """Return the pieces of an NDJSON body, of up to `PIECE_BYTES` each once it is inflated.

    Raises:
        UnsupportedMediaType: Its type isn't NDJSON, or its encoding isn't one of `ENCODINGS`.
        MalformedBody: While it is read: it is cut off, its chunks are malformed, or it can't be
            decompressed.
        BodyTimeout: While it is read: it didn't come within `timeout_s`.
    """
    if request.mimetype not in NDJSON_TYPES:
        raise UnsupportedMediaType(f"the content type {request.mimetype or 'none'} is not {NDJSON}")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", *ENCODINGS}:
        raise UnsupportedMediaType(f"the content encoding {encoding} is not gzip or zstd")
    source = _Source(request)
    pieces = _pieces(source) if encoding == "identity" else _inflated(source, encoding)
    return _in_time(request, pieces, timeout_s)


class _Source(RawIOBase):
    """A body as a file, which knows whether it has come whole."""

    def __init__(self, request: Request) -> None:
        # Not Flask's, which has a limit: an upload has any length.
        self._stream = get_input_stream(request.environ)
        self._missing_bytes = request.content_length or 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def read(self, size_bytes: int = PIECE_BYTES) -> bytes:
        """Return up to so many bytes, and none at the end.

        Raises:
            MalformedBody: The body broke off, or its chunks are malformed.
        """
        try:
            data: bytes = self._stream.read(size_bytes)
        except (ClientDisconnected, OSError, ParseException) as error:
            raise MalformedBody("the body broke off, or its chunks are malformed") from error
        self._missing_bytes -= len(data)
        # gunicorn passes on a body that is shorter than its Content-Length.
        if not data and self._missing_bytes > 0:
            raise MalformedBody("the body ended before its Content-Length")
        return data


def _in_time(request: Request, pieces: Iterator[bytes], timeout_s: float) -> Iterator[bytes]:
    # It ends with the last piece, before anything is acknowledged.
    with current_guards().deadlines.within(request.environ.get(CONNECTION), timeout_s):
        yield from pieces


def _pieces(source: _Source) -> Iterator[bytes]:
    while piece := source.read(PIECE_BYTES):
        yield piece


def _inflated(source: _Source, encoding: str) -> Iterator[bytes]:
    try:
        with pa.CompressedInputStream(pa.PythonFile(source, mode="r"), encoding) as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise MalformedBody(f"the body is not {encoding}: {error}") from error
    # What follows the end of the compressed text must have come whole too.
    for _ in _pieces(source):
        pass
