"""Forms that pages send, read by the schemas of the API."""

from typing import Any

from flask import request
from marshmallow import Schema

from app.api.small_bodies import MAX_BYTES


def read_form(schema: Schema, lists: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the form of the current request.

    A field that was left empty counts as not given.

    Args:
        schema: The schema of the same request to the API.
        lists: Names of fields that hold several values, with spaces or line breaks between them.

    Raises:
        ValidationError: The form doesn't fit.
        RequestEntityTooLarge: The form is too large.
    """
    request.max_content_length = MAX_BYTES
    given: dict[str, Any] = {
        name: value.split() if name in lists else value
        for name, value in request.form.items()
        if value.strip()
    }
    loaded: dict[str, Any] = schema.load(given)
    return loaded
