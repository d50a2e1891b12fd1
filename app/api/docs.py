"""Decorators that document views in the OpenAPI document."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from flask_smorest import Blueprint

from app.api.errors import EnvelopeSchema
from app.api.formats import STREAMS

_REASONS: Final = {
    400: "The body is not JSON, is cut off, or doesn't decompress",
    401: "It needs a key, or the given one isn't valid",
    403: "The key doesn't give access to this, or it isn't public yet",
    404: "There is nothing by that name",
    406: "None of the accepted media types is offered",
    408: "The body didn't come in time",
    409: "Another request has it under way; try again after Retry-After seconds",
    410: "It was withdrawn for good, since contributions were taken down",
    412: "It is not the version that If-Match or If-Unmodified-Since asks for",
    413: "A limit is exceeded; the message names it",
    415: "The content type or encoding is not supported",
    416: "The range lies outside the file",
    422: "A field or parameter is missing or wrong; `errors` names it",
    429: "Too much at once; try again after Retry-After seconds. Nothing was stored",
    503: "Not now; try again after Retry-After seconds. A submission was not stored",
}


KEYED: Final = (401, 403)
"""The errors of what may need an API key."""
API_KEY: Final = "api_key"
"""The name of the security scheme: OpenAPI 3.1, section 4.8.27."""
ALWAYS_KEYED: Final[Sequence[dict[str, list[str]]]] = [{API_KEY: []}]
"""The security requirement of what is open to nobody without an API key."""
SECURITY_SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "clk_…",
    "description": "An API key of this lake. The operator decides what needs one, by default "
    "nothing.",
}


def documented(
    blueprint: Blueprint, *error_codes: int, **document: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that documents a view and the errors that it may answer with.

    Args:
        blueprint: The blueprint of the view.
        error_codes: The status codes of the errors.
        document: Further keys of the view's OpenAPI operation.
    """
    errors = {
        str(code): {
            "description": _REASONS[code],
            "content": {"application/json": {"schema": EnvelopeSchema, "example": _example(code)}},
        }
        for code in error_codes
    }
    document["responses"] = errors | document.get("responses", {})
    if HTTPStatus.UNAUTHORIZED in error_codes:
        # What is open needs none of it, which the empty requirement says.
        document.setdefault("security", [{}, {API_KEY: []}])
    decorator: Callable[[Callable[..., Any]], Callable[..., Any]] = blueprint.doc(**document)
    return decorator


def in_every_stream(blueprint: Blueprint) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that documents that a view also streams rows in every other media type."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        for media_type in STREAMS:
            text = {"type": "string"}
            view = blueprint.response(HTTPStatus.OK, text, content_type=media_type)(view)
        return view

    return decorate


def _example(code: int) -> dict[str, Any]:
    fields = {"agent_id": ["Missing data for required field."]}
    return {
        "code": code,
        "status": HTTPStatus(code).phrase,
        "message": _REASONS[code],
        "errors": fields if code == HTTPStatus.UNPROCESSABLE_ENTITY else {},
    }
