"""Errors as pages: a person reads what a program reads in the envelope of an error."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, render_template, request
from werkzeug.datastructures import MIMEAccept

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
            retry_after_s=int(response.headers.get("Retry-After", 0)),
        )
        response.set_data(page)
        response.content_type = f"{HTML}; charset=utf-8"
        return response


def _explanation(status: int, message: str) -> str:
    """Return the message of an error as a sentence for people, who send no headers."""
    if status == HTTPStatus.UNAUTHORIZED and "Authorization" not in request.headers:
        return _HOLDERS_ONLY
    # The name of a setting stays as it is.
    begins_with_word = message.partition(" ")[0].isalpha()
    sentence = message[:1].upper() + message[1:] if begins_with_word else message
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def _prefers_html(accepted: MIMEAccept) -> bool:
    return accepted.best_match(["application/json", HTML]) == HTML
