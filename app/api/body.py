"""The body of a request as bytes: whole, decompressed, and never larger than it may be."""

from typing import Final

import pyarrow as pa
from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType

from app.api.guards import current_guards
from app.ingest.errors import LimitExceeded, MalformedBody

ENCODINGS: Final = ("gzip", "zstd")
USUAL_TYPES: Final = frozenset({None, "", "application/json"})
"""Content types that needn't be parsed to be understood."""
CONNECTION: Final = "gunicorn.socket"
"""Where gunicorn's WSGI environment has the client's connection."""
_LIMIT: Final = "max_body_bytes"


def memory_for(request: Request, max_bytes: int) -> int:
    """Return how many bytes a request's body may take in memory, before any of it is read."""
    if "Content-Encoding" in request.headers or request.content_length is None:
        return max_bytes
    return min(request.content_length, max_bytes)


def read_json_body(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    """Return the JSON text of a request.

    Raises:
        BodyTimeout: It didn't come within `timeout_s`.
        UnsupportedMediaType: Its type isn't JSON, or its encoding isn't one of `ENCODINGS`.
        LimitExceeded: It is larger than `max_bytes`, before or after decompression.
        MalformedBody: It is cut off, its chunks are malformed, or it can't be decompressed.
    """
    if request.content_type not in USUAL_TYPES and not request.is_json:
        raise UnsupportedMediaType(f"the content type {request.mimetype} is not application/json")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", *ENCODINGS}:
        raise UnsupportedMediaType(f"the content encoding {encoding} is not gzip or zstd")
    with current_guards().deadlines.within(request.environ.get(CONNECTION), timeout_s):
        body = _read(request, max_bytes)
    return body if encoding == "identity" else _decompress(body, encoding, max_bytes)


def _read(request: Request, max_bytes: int) -> bytes:
    """Return the body as it was sent, all of it.

    Werkzeug leaves both ends to the server, and gunicorn checks neither: it passes on a body that
    is shorter than its Content-Length, and Werkzeug cuts one in chunks off at the limit.
    """
    too_large = LimitExceeded(_LIMIT, max_bytes, "the size of the body")
    # One byte more than may be tells too much from just enough.
    request.max_content_length = max_bytes + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise too_large from error
    except (ClientDisconnected, ParseException) as error:
        raise MalformedBody("the body broke off, or its chunks are malformed") from error
    if len(body) > max_bytes:
        raise too_large
    if len(body) < (request.content_length or 0):
        raise MalformedBody("the body ended before its Content-Length")
    return body


def _decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), encoding) as stream:
            # One byte more than may be tells too much from just enough, and no more is inflated.
            text: bytes = stream.read(max_bytes + 1)
    except OSError as error:
        raise MalformedBody(f"the body is not {encoding}: {error}") from error
    if len(text) > max_bytes:
        raise LimitExceeded(_LIMIT, max_bytes, "the decompressed size of the body")
    return text
