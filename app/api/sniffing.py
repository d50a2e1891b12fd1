"""No answer is taken for anything but its Content-Type: browsers don't guess from its bytes.

Much of what is sent was written by strangers, and a browser could take text for a page of ours.
"""

from typing import Final

from flask import Flask, Response

HEADER: Final = ("X-Content-Type-Options", "nosniff")
"""What every answer of the service has: the Fetch standard, section 3.6."""


def init_app(app: Flask) -> None:
    """Put the header on every answer."""
    app.after_request(_forbid_sniffing)


def _forbid_sniffing(response: Response) -> Response:
    response.headers.set(*HEADER)
    return response
