"""What browsers and caches may keep of pages.

A page may be kept, but has to be asked for again each time, since anything of it may have been
taken down meanwhile; it isn't sent again if it is still the same. What was shown for a key isn't
kept at all.
"""

from http import HTTPStatus
from typing import Final

from flask import Flask, Response, request

from app.site.errors import HTML

_ASK: Final = "no-cache"
_KEEP_NOTHING: Final = "no-store"
_KEEP_NOTHING_OF_ONE_READER: Final = "private, no-store"


def init_app(app: Flask) -> None:
    """Tell caches what they may do with every page, unless it says that itself."""

    @app.after_request
    def tell_caches(response: Response) -> Response:
        if response.mimetype != HTML:
            return response
        response.vary.add("Authorization")
        if "Authorization" in request.headers:
            response.headers["Cache-Control"] = _KEEP_NOTHING_OF_ONE_READER
        elif response.status_code >= HTTPStatus.BAD_REQUEST:
            response.headers["Cache-Control"] = _KEEP_NOTHING
        else:
            response.headers.setdefault("Cache-Control", _ASK)
            _spare_what_is_there(response)
        return response


def _spare_what_is_there(response: Response) -> None:
    """Send no page that the browser has already; files do this themselves.

    Other conditions than this one are for files, and a page is sent in spite of them.
    """
    is_whole = response.status_code == HTTPStatus.OK and not response.is_streamed
    if not is_whole or response.direct_passthrough or response.cache_control.no_store:
        return
    response.add_etag()
    etag, _ = response.get_etag()
    if request.if_none_match.contains_weak(etag or ""):
        response.status_code = HTTPStatus.NOT_MODIFIED
