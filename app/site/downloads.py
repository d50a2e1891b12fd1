"""Rows that pages give as files: the forms, and the names under which browsers keep the files."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Response, abort

from app.api.formats import ARROW_STREAM, CSV, NDJSON, PARQUET


@dataclass(frozen=True, slots=True)
class Form:
    """A form of rows.

    Attributes:
        name: What pages call it.
        media_type: The media type of the answer.
        suffix: The end of a file's name, without the dot.
    """

    name: str
    media_type: str
    suffix: str


FORMS: Final[Mapping[str, Form]] = {
    "ndjson": Form("NDJSON", NDJSON, "ndjson"),
    "csv": Form("CSV", CSV, "csv"),
    "parquet": Form("Parquet", PARQUET, "parquet"),
    # A file of Arrow has another layout, which ends in `arrow`.
    "arrow": Form("Arrow stream", ARROW_STREAM, "arrows"),
}
"""The forms by the names that addresses have for them."""


def form_of(name: str) -> Form:
    """Return the form that an address names; one that isn't there is answered with 404."""
    if name not in FORMS:
        abort(HTTPStatus.NOT_FOUND)
    return FORMS[name]


def as_file(response: Response, name: str, form: Form) -> Response:
    """Have browsers keep an answer as a file.

    Args:
        response: The answer.
        name: The name of the file, without its suffix.
        form: The form of the rows in the answer.
    """
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form.suffix}"'
    return response
