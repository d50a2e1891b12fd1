"""Errors as pages: a person reads what a program reads in the envelope of an error."""

from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, render_template, request
from werkzeug.datastructures import MIMEAccept

HTML: Final = "text/html"
"""Media type of pages."""
KEY_NEEDED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""The statuses that a request with another key may not get."""


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
        page = render_template("error/page.html", error=envelope, needs_key=needs_key)
        response.set_data(page)
        response.content_type = f"{HTML}; charset=utf-8"
        return response


def _prefers_html(accepted: MIMEAccept) -> bool:
    return accepted.best_match(["application/json", HTML]) == HTML
