"""Refuses what a page of another site has a browser change here.

Nothing keeps such a page from sending a form of this site from the browser of its reader, who would
then report conversations without knowing it. Browsers say where a request comes from by
`Sec-Fetch-Site` (W3C Fetch Metadata), which no page can set; over HTTP without TLS they leave it
out, but send `Origin` (Fetch standard, section 3.1) with every form. Programs send neither, and
nobody sends a key of theirs without knowing it.
"""

from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, abort, request
from werkzeug.datastructures import Headers

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN: Final = frozenset({"same-origin", "none"})
"""What `Sec-Fetch-Site` says of requests of this site's pages, and of the reader's own."""
_REFUSAL: Final = "a page of another site sent this; open the page here, and send it from there"


def init_app(app: Flask, pages: AbstractSet[str]) -> None:
    """Have pages take changes from pages of this site and from programs only.

    Args:
        app: The application.
        pages: The names of the blueprints of pages.
    """

    @app.before_request
    def refuse_other_sites() -> None:
        if request.blueprint not in pages or request.method in _SAFE:
            return
        if not is_own(request.headers, request.host):
            abort(HTTPStatus.FORBIDDEN, _REFUSAL)


def is_own(headers: Headers, host: str) -> bool:
    """Tell whether a request comes from a page of this site, or from no page.

    Args:
        headers: The headers of the request.
        host: The host, with its port unless that is the usual one, to which it was sent.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in _OWN
    origin = headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()
