"""Headers that every answer has: for pages of other origins, and against guessed content types.

Pages of any origin may submit and read, without credentials. The headers for them are the same for
everyone, so that no request needs work of its own: see the Fetch standard, section 3.2.

Much of what is sent was written by strangers, and a browser that guesses a content type could take
such text for a page of this service. So browsers are told to keep to the Content-Type.
"""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, request

NO_SNIFFING: Final = ("X-Content-Type-Options", "nosniff")
"""The header that forbids browsers to guess content types: the Fetch standard, section 3.6."""

_CORS_PREFIXES: Final = ("/v1/", "/iceberg/")
_EXPOSED: Final = (
    "Chatlake-Cursor, Chatlake-Public-From, Chatlake-Snapshot-Id, Chatlake-Truncated-By, "
    "Content-Disposition, ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
)
CORS: Final = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", _EXPOSED),
)
"""The headers that let pages of any origin read an answer of the API."""
_METHODS: Final = "DELETE, GET, HEAD, OPTIONS, POST"
_PREFLIGHT_AGE_S: Final = 86_400


def init_app(app: Flask) -> None:
    """Put the headers on every answer of the application."""
    app.after_request(_allow_every_origin)
    app.after_request(_forbid_sniffing)
    app.after_request(_redirect_by_path)


def _allow_every_origin(response: Response) -> Response:
    if not request.path.startswith(_CORS_PREFIXES):
        return response
    headers = response.headers
    headers.extend(CORS)
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = _METHODS
        headers["Access-Control-Max-Age"] = str(_PREFLIGHT_AGE_S)
        wanted = request.headers.get("Access-Control-Request-Headers")
        if wanted:
            headers["Access-Control-Allow-Headers"] = wanted
    return response


def _forbid_sniffing(response: Response) -> Response:
    response.headers.set(*NO_SNIFFING)
    return response


def _redirect_by_path(response: Response) -> Response:
    """Name no host in a redirect to the same address with a slash.

    It would be that of the header Host, which anybody may send and a cache may keep, and without
    TLS where that ends at a proxy.
    """
    if response.status_code == HTTPStatus.PERMANENT_REDIRECT:
        parts = urlsplit(response.location or "")
        response.location = urlunsplit(("", "", *parts[2:]))
        response.set_data(b"")
    return response
