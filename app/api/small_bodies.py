"""Which requests have a small body of JSON that a view of Flask reads whole.

The edge receives these bodies before it hands the request to Flask. Any other body is left unread
there, since nothing reads it.
"""

import re
from typing import Final

MAX_BYTES: Final = 256 * 1024
"""Size of the largest such body: more than the ids of one request and a reason need."""

_PATHS: Final = re.compile(r"/v1/(takedowns|moderation/.+|contributions/[^/]+/reports)")


def takes_small_body(method: str, path: str) -> bool:
    """Tell whether a request has such a body."""
    return method == "POST" and _PATHS.fullmatch(path) is not None
