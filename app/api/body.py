"""Bodies of requests, decompressed and bounded: whole as bytes, or as a stream of pieces."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.wsgi import get_input_stream

from app.api.formats import NDJSON
from app.api.guards import current_guards
from app.api.inflate import PIECE_BYTES, Inflater
from app.ingest.errors import LimitExceeded, MalformedBody

ENCODINGS: Final = ("gzip", "zstd")
USUAL_TYPES: Final = frozenset({None, "", "application/json"})
"""Content types of JSON bodies that are understood without being parsed."""
NDJSON_TYPES: Final = (NDJSON, "application/ndjson", "application/jsonl", "application/jsonlines")
CONNECTION: Final = "gunicorn.socket"
"""The key of the client's connection in gunicorn's WSGI environment."""

_IDENTITY: Final = "identity"
_LIMIT: Final = "max_body_bytes"
_BROKEN_OFF: Final = "the body broke off, or its chunks are malformed"
_TOO_SHORT: Final = "the body ended before its Content-Length"


def memory_for(request: Request, max_bytes: int) -> int:
    """Return how many bytes of memory a request's body may take, before any of it is read."""
    if "Content-Encoding" in request.headers or request.content_length is None:
        return max_bytes
    return min(request.content_length, max_bytes)


def read_json_body(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    """Return the JSON text of a request.

    Raises:
        BodyTimeout: The body didn't arrive within `timeout_s`.
        UnsupportedMediaType: The type isn't JSON, or the encoding isn't one of `ENCODINGS`.
        LimitExceeded: The body is larger than `max_bytes`, before or after decompression.
        MalformedBody: The body is cut off, has malformed chunks, or can't be decompressed.
    """
    if request.content_type not in USUAL_TYPES and not request.is_json:
        raise UnsupportedMediaType(f"the content type {request.mimetype} is not application/json")
    encoding = _encoding_of(request)
    with current_guards().deadlines.within(request.environ.get(CONNECTION), timeout_s):
        body = _read_whole(request, max_bytes)
    return body if encoding == _IDENTITY else _decompress(body, encoding, max_bytes)


def read_ndjson(request: Request, timeout_s: float) -> Iterator[bytes]:
    """Return the pieces of an NDJSON body, each of up to `PIECE_BYTES` after decompression.

    Raises:
        UnsupportedMediaType: The type isn't NDJSON, or the encoding isn't one of `ENCODINGS`.

    The iterator raises:
        MalformedBody: The body is cut off, has malformed chunks, or can't be decompressed.
        BodyTimeout: The body didn't arrive within `timeout_s`.
    """
    if request.mimetype not in NDJSON_TYPES:
        raise UnsupportedMediaType(f"the content type {request.mimetype or 'none'} is not {NDJSON}")
    encoding = _encoding_of(request)
    source = _Source(request)
    pieces = _pieces(source) if encoding == _IDENTITY else _inflated(source, encoding)
    return _in_time(request, pieces, timeout_s)


def _encoding_of(request: Request) -> str:
    encoding = request.headers.get("Content-Encoding", _IDENTITY).strip().lower()
    if encoding not in {_IDENTITY, *ENCODINGS}:
        raise UnsupportedMediaType(f"the content encoding {encoding} is not gzip or zstd")
    return encoding


def _read_whole(request: Request, max_bytes: int) -> bytes:
    """Return the body as it was sent, and make sure that all of it came.

    Werkzeug leaves both to the server, and gunicorn checks neither: it passes on a body that is
    shorter than its Content-Length, and Werkzeug cuts a body in chunks off at the limit.
    """
    too_large = LimitExceeded(_LIMIT, max_bytes, "the size of the body")
    # Reading one byte more than is allowed tells a body of the limit's size from a larger one.
    request.max_content_length = max_bytes + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise too_large from error
    except (ClientDisconnected, ParseException) as error:
        raise MalformedBody(_BROKEN_OFF) from error
    if len(body) > max_bytes:
        raise too_large
    if len(body) < (request.content_length or 0):
        raise MalformedBody(_TOO_SHORT)
    return body


def _decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), encoding) as stream:
            # One byte more than is allowed, and nothing beyond it is inflated.
            text: bytes = stream.read(max_bytes + 1)
    except OSError as error:
        raise _not_compressed(encoding, error) from error
    if len(text) > max_bytes:
        raise LimitExceeded(_LIMIT, max_bytes, "the decompressed size of the body")
    return text


def _not_compressed(encoding: str, error: OSError) -> MalformedBody:
    return MalformedBody(f"the body is not {encoding}: {error}")


class _Source:
    """The body of a request, whose reading fails when the body isn't complete."""

    def __init__(self, request: Request) -> None:
        # Flask's own stream has a size limit; an upload may have any length.
        self._stream = get_input_stream(request.environ)
        self._missing_bytes = request.content_length or 0

    def read(self, size_bytes: int = PIECE_BYTES) -> bytes:
        """Return up to `size_bytes` bytes, and none at the end.

        Raises:
            MalformedBody: The body broke off, or its chunks are malformed.
        """
        try:
            data: bytes = self._stream.read(size_bytes)
        except (ClientDisconnected, OSError, ParseException) as error:
            raise MalformedBody(_BROKEN_OFF) from error
        self._missing_bytes -= len(data)
        # gunicorn passes on a body that is shorter than its Content-Length.
        if not data and self._missing_bytes > 0:
            raise MalformedBody(_TOO_SHORT)
        return data


def _in_time(request: Request, pieces: Iterator[bytes], timeout_s: float) -> Iterator[bytes]:
    # The deadline ends with the last piece, before anything is acknowledged.
    with current_guards().deadlines.within(request.environ.get(CONNECTION), timeout_s):
        yield from pieces


def _pieces(source: _Source) -> Iterator[bytes]:
    while piece := source.read(PIECE_BYTES):
        yield piece


def _inflated(source: _Source, encoding: str) -> Iterator[bytes]:
    inflater = Inflater(encoding)
    for piece in _pieces(source):
        yield from inflater.feed(piece)
    inflater.finish()
