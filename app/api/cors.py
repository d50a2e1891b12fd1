"""Cross-origin access: pages of any origin may submit and read, without credentials.

The headers are the same for everyone, so that no more than setting them is left to do for each
request: see the Fetch standard, section 3.2.
"""

from typing import Final

from flask import Flask, Response, request

_PREFIX: Final = "/v1/"
_EXPOSED: Final = (
    "Chatlake-Snapshot-Id, Chatlake-Truncated-By, Content-Disposition, ETag, Link, Retry-After, "
    "X-Request-ID"
)
HEADERS: Final = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", _EXPOSED),
)
"""What every answer of the API has."""
_METHODS: Final = "GET, HEAD, OPTIONS, POST"
_PREFLIGHT_AGE_S: Final = 86_400


def init_app(app: Flask) -> None:
    """Allow every origin to use the API."""
    app.after_request(_allow_every_origin)


def _allow_every_origin(response: Response) -> Response:
    if not request.path.startswith(_PREFIX):
        return response
    headers = response.headers
    headers.extend(HEADERS)
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = _METHODS
        headers["Access-Control-Max-Age"] = str(_PREFLIGHT_AGE_S)
        wanted = request.headers.get("Access-Control-Request-Headers")
        if wanted:
            headers["Access-Control-Allow-Headers"] = wanted
    return response
