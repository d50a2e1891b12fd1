"""The body of a request as bytes: whole, decompressed, and never larger than it may be."""

from typing import Final

import pyarrow as pa
from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from app.ingest.errors import LimitExceeded, MalformedBody

ENCODINGS: Final = ("gzip", "zstd")
_LIMIT: Final = "max_body_bytes"


def read_json_body(request: Request, max_bytes: int) -> bytes:
    """Return the JSON text of a request.

    Raises:
        UnsupportedMediaType: Its type isn't JSON, or its encoding isn't one of `ENCODINGS`.
        LimitExceeded: It is larger than `max_bytes`, before or after decompression.
        MalformedBody: It can't be decompressed.
        ClientDisconnected: It ended before its Content-Length.
    """
    if request.mimetype and not request.is_json:
        raise UnsupportedMediaType(f"the content type {request.mimetype} is not application/json")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", *ENCODINGS}:
        raise UnsupportedMediaType(f"the content encoding {encoding} is not gzip or zstd")
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise LimitExceeded(_LIMIT, max_bytes, "the size of the body") from error
    return body if encoding == "identity" else _decompress(body, encoding, max_bytes)


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
