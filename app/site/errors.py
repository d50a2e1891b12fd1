"""Errors as pages: a person reads what a program reads in the envelope of an error."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, render_template, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotFound

from app.site.rendering.formatting import sentence

HTML: Final = "text/html"
"""Media type of pages."""
KEY_NEEDED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""The statuses that a request with another key may not get."""
_TITLES: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "This needs a key",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.METHOD_NOT_ALLOWED: "Not found",
    HTTPStatus.GONE: "Taken down",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That doesn't fit",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not at the moment",
}
"""What pages of errors are called; those of other errors have the name of the status."""
_HOLDERS_ONLY: Final = "Only holders of a key of this lake see this page."
_NO_SUCH_ADDRESS: Final = "This lake has no page at this address."


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice to somebody whose page isn't there.

    Attributes:
        text: What may be the cause, and what to do.
        link: What the link to a page that helps says.
        endpoint: The view that it leads to.
    """

    text: str
    link: str
    endpoint: str


_ANY_PAGE: Final = Advice(
    "Look for a mistyped letter in the address, or begin at the first page.",
    "The first page",
    "home.show",
)
_ADVICE: Final[Mapping[str | None, Advice]] = {
    "conversations": Advice(
        "A conversation has its page as soon as it is committed, usually within seconds. One that "
        "is hidden waits for a moderator, and its owner sees it with their key. Otherwise look for "
        "a mistyped letter in the address.",
        "Search the conversations",
        "explore.show",
    ),
    "release_pages": Advice(
        "Its name may be written in another way.", "All releases", "release_pages.show_all"
    ),
    "contributor_pages": Advice(
        "Its name may be written in another way.", "All releases", "release_pages.show_all"
    ),
    "snapshot_pages": Advice(
        "Ids of snapshots are long: copy the whole of it, or choose the snapshot from the history.",
        "All snapshots",
        "snapshot_pages.show_all",
    ),
    "guides": Advice("Its name may be written in another way.", "All guides", "guides.show_all"),
    "maps": Advice(
        "It may have been removed, or its name is written in another way.",
        "All maps",
        "maps.show_all",
    ),
}
"""Advice by the blueprint of the page that isn't there."""


def init_app(app: Flask, pages: AbstractSet[str], partly: AbstractSet[str]) -> None:
    """Have errors of pages, and of addresses that don't exist, answered by a page.

    Args:
        app: The application.
        pages: The names of the blueprints of pages.
        partly: The names of blueprints that send pages, and files to programs. Programs get the
            envelope there, and for addresses that don't exist.
    """

    @app.after_request
    def explain(response: Response) -> Response:
        is_page = request.blueprint in pages or (
            (request.blueprint is None or request.blueprint in partly)
            and _prefers_html(request.accept_mimetypes)
        )
        if response.status_code < HTTPStatus.BAD_REQUEST or not is_page or not response.is_json:
            return response
        envelope = response.get_json()
        # With a key, a page is fetched again, and nothing is sent again.
        needs_key = response.status_code in KEY_NEEDED and request.method == "GET"
        page = render_template(
            "error/page.html",
            error=envelope,
            title=_TITLES.get(response.status_code, envelope["status"]),
            explanation=_explanation(response.status_code, envelope["message"]),
            needs_key=needs_key,
            advice=_advice(response.status_code),
            retry_after_s=int(response.headers.get("Retry-After", 0)),
        )
        response.set_data(page)
        response.content_type = f"{HTML}; charset=utf-8"
        return response


def _explanation(status: int, message: str) -> str:
    """Return the message of an error as a sentence for people, who send no headers."""
    if status == HTTPStatus.UNAUTHORIZED and "Authorization" not in request.headers:
        return _HOLDERS_ONLY
    return sentence(_NO_SUCH_ADDRESS if message == NotFound.description else message)


def _advice(status: int) -> Advice | None:
    """Return what somebody may do whose page isn't there; None for other errors."""
    return _ADVICE.get(request.blueprint, _ANY_PAGE) if status == HTTPStatus.NOT_FOUND else None


def _prefers_html(accepted: MIMEAccept) -> bool:
    return accepted.best_match(["application/json", HTML]) == HTML
