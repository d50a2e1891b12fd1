"""Small bodies of JSON, which views of Flask read whole, and which requests have one.

The edge receives these bodies before it hands the request to Flask. Any other body is left unread
there, since nothing reads it.
"""

import re
from typing import Any, Final

from flask import request
from marshmallow import Schema

from app.api.body import read_json_body
from app.ingest.decoding.strict_json import JsonLimits, parse

MAX_BYTES: Final = 256 * 1024
"""Size of the largest such body: more than the ids of one request and a reason need."""

_LIMITS: Final = JsonLimits(max_turns=0, max_nesting=4, max_object_keys=16)
_PATHS: Final = re.compile(
    r"/v1/(takedowns|moderation/.+|contributions/[^/]+/reports)"
    # Forms of pages.
    r"|/(conversations|me|moderation)/.+"
)


def takes_small_body(method: str, path: str) -> bool:
    """Tell whether a request has such a body."""
    return method == "POST" and _PATHS.fullmatch(path) is not None


def read_small_body(schema: Schema, *, empty: bytes = b"") -> dict[str, Any]:
    """Return the body of the current request.

    Args:
        schema: The schema of the body.
        empty: What an empty body stands for.

    Raises:
        ValidationError: The body doesn't fit.
        MalformedBody: The body isn't JSON.
        LimitExceeded: The body is too large.
    """
    text = read_json_body(request, MAX_BYTES) or empty
    given: dict[str, Any] = schema.load(parse(text, _LIMITS))
    return given
