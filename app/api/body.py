"""Bodies of requests, decompressed and bounded: whole as bytes, or as a stream of pieces."""

from collections.abc import Callable, Iterator
from typing import Final

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import parse_options_header
from werkzeug.wsgi import get_input_stream

from app.api.formats import JSON, NDJSON
from app.api.inflate import PIECE_BYTES, Inflater
from app.ingest.errors import LimitExceeded, MalformedBody

ENCODINGS: Final = ("gzip", "zstd")
USUAL_TYPES: Final = frozenset({None, "", "application/json"})
"""Content types of JSON bodies that are understood without being parsed."""
NDJSON_TYPES: Final = (NDJSON, "application/ndjson", "application/jsonl", "application/jsonlines")

FREE_BYTES: Final = 64 * 1024
"""Size up to which a body needs no part of `max_bodies_bytes`."""

IDENTITY: Final = "identity"
_ALIASES: Final = {"x-gzip": "gzip"}
"""https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.3"""
_LIMIT: Final = "max_body_bytes"
BROKEN_OFF: Final = "the body broke off, or its chunks are malformed"
TOO_SHORT: Final = "the body ended before its Content-Length"


def memory_for(request: Request, max_bytes: int) -> int:
    """Return how many bytes of memory a request's body may take, before any of it is read."""
    if "Content-Encoding" in request.headers or request.content_length is None:
        return max_bytes
    length = request.content_length
    return 0 if length <= FREE_BYTES else min(length, max_bytes)


def check_json_type(content_type: str | None) -> None:
    """Check that a content type is that of JSON, or wasn't given.

    Raises:
        UnsupportedMediaType: It is another one.
    """
    mimetype = parse_options_header(content_type)[0].lower()
    is_like_json = mimetype.startswith("application/") and mimetype.endswith("+json")
    if mimetype not in {"", JSON} and not is_like_json:
        raise UnsupportedMediaType(f"the content type {mimetype} is not {JSON}")


def check_ndjson_type(content_type: str | None) -> None:
    """Check that a content type is one of NDJSON.

    Raises:
        UnsupportedMediaType: It is another one, or wasn't given.
    """
    mimetype = parse_options_header(content_type)[0].lower()
    if mimetype not in NDJSON_TYPES:
        raise UnsupportedMediaType(f"the content type {mimetype or 'none'} is not {NDJSON}")


def read_json_body(request: Request, max_bytes: int) -> bytes:
    """Return the JSON text of a request.

    Raises:
        UnsupportedMediaType: The type isn't JSON, or the encoding isn't one of `ENCODINGS`.
        LimitExceeded: The body is larger than `max_bytes`, before or after decompression.
        MalformedBody: The body is cut off, has malformed chunks, or can't be decompressed.
    """
    check_json_type(request.content_type)
    encoding = encoding_of(request.headers.get("Content-Encoding"))
    return decompress(_read_whole(request, max_bytes), encoding, max_bytes)


def read_ndjson(request: Request) -> Iterator[bytes]:
    """Return the pieces of an NDJSON body, each of up to `PIECE_BYTES` after decompression.

    Raises:
        UnsupportedMediaType: The type isn't NDJSON, or the encoding isn't one of `ENCODINGS`.

    The iterator raises:
        MalformedBody: The body is cut off, has malformed chunks, or can't be decompressed.
    """
    check_ndjson_type(request.content_type)
    encoding = encoding_of(request.headers.get("Content-Encoding"))
    source = _Source(request)
    return _pieces(source) if encoding == IDENTITY else _inflated(source, encoding)


def encoding_of(header: str | None) -> str:
    """Return the content encoding that a header names.

    Raises:
        UnsupportedMediaType: It isn't one of `ENCODINGS`.
    """
    encoding = (IDENTITY if header is None else header).strip().lower()
    encoding = _ALIASES.get(encoding, encoding)
    if encoding not in {IDENTITY, *ENCODINGS}:
        raise UnsupportedMediaType(f"the content encoding {encoding} is not gzip or zstd")
    return encoding


def decompress(
    body: bytes, encoding: str, max_bytes: int, hold: Callable[[int], None] = lambda _: None
) -> bytes:
    """Return a decompressed body.

    Args:
        body: The body as it was sent.
        encoding: One of `ENCODINGS`, or `IDENTITY`.
        max_bytes: How large the decompressed body may be.
        hold: Is told the size of the text again and again while it grows, and may raise.

    Raises:
        LimitExceeded: It would be larger than `max_bytes`.
        MalformedBody: The body is not in this encoding.
    """
    if encoding == IDENTITY:
        return body
    inflater = Inflater(encoding)
    pieces: list[bytes] = []
    size = 0
    for piece in inflater.feed(body):
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            raise LimitExceeded(_LIMIT, max_bytes, "the decompressed size of the body")
        hold(size)
    inflater.finish()
    return b"".join(pieces)


def too_large(max_bytes: int) -> LimitExceeded:
    """Return the error of a body that is larger than `max_bytes` as it was sent."""
    return LimitExceeded(_LIMIT, max_bytes, "the size of the body")


def _read_whole(request: Request, max_bytes: int) -> bytes:
    """Return the body as it was sent, and make sure that all of it came.

    Werkzeug leaves both to the server, and gunicorn checks neither: it passes on a body that is
    shorter than its Content-Length, and Werkzeug cuts a body in chunks off at the limit.
    """
    # Reading one byte more than is allowed tells a body of the limit's size from a larger one.
    request.max_content_length = max_bytes + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise too_large(max_bytes) from error
    except (ClientDisconnected, ParseException) as error:
        raise MalformedBody(BROKEN_OFF) from error
    if len(body) > max_bytes:
        raise too_large(max_bytes)
    if len(body) < (request.content_length or 0):
        raise MalformedBody(TOO_SHORT)
    return body


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
            raise MalformedBody(BROKEN_OFF) from error
        self._missing_bytes -= len(data)
        # gunicorn passes on a body that is shorter than its Content-Length.
        if not data and self._missing_bytes > 0:
            raise MalformedBody(TOO_SHORT)
        return data


def _pieces(source: _Source) -> Iterator[bytes]:
    while piece := source.read(PIECE_BYTES):
        yield piece


def _inflated(source: _Source, encoding: str) -> Iterator[bytes]:
    inflater = Inflater(encoding)
    for piece in _pieces(source):
        yield from inflater.feed(piece)
    inflater.finish()
