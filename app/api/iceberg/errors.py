"""Errors in the form that the Iceberg REST specification gives them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flask import Response

from app.api.formats import JSON, encode_json
from app.iceberg.errors import NoSuchNamespace, NoSuchTable, NoSuchWarehouse, ReadOnlyCatalog

TYPES: Final[Mapping[type[Exception], str]] = {
    NoSuchWarehouse: "NoSuchWarehouseException",
    NoSuchNamespace: "NoSuchNamespaceException",
    NoSuchTable: "NoSuchTableException",
    ReadOnlyCatalog: "ForbiddenException",
}
"""Types of errors in the specification; clients tell errors apart by these and the status code."""

_TYPES_BY_STATUS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "BadRequestException",
    HTTPStatus.UNAUTHORIZED: "NotAuthorizedException",
    HTTPStatus.FORBIDDEN: "ForbiddenException",
    HTTPStatus.NOT_FOUND: "NotFoundException",
    HTTPStatus.METHOD_NOT_ALLOWED: "UnsupportedOperationException",
    HTTPStatus.TOO_MANY_REQUESTS: "SlowDownException",
    HTTPStatus.SERVICE_UNAVAILABLE: "SlowDownException",
}
_OTHER: Final = "InternalServerError"


def render(
    error: Exception, status: HTTPStatus, message: str, errors: Mapping[str, Any]
) -> Response:
    """Return an error answer for an engine.

    Args:
        error: The error.
        status: The status code that the error has in the rest of the API.
        message: What went wrong.
        errors: What is wrong, by field.
    """
    if status is HTTPStatus.UNPROCESSABLE_ENTITY:
        # The specification has no status code for an invalid parameter alone.
        status = HTTPStatus.BAD_REQUEST
    kind = TYPES.get(type(error)) or _TYPES_BY_STATUS.get(status, _OTHER)
    causes = (f"{field}: {' '.join(texts)}" for field, texts in errors.items())
    text = "; ".join([message, *causes])
    body = {"error": {"message": text, "type": kind, "code": status.value}}
    return Response(encode_json(body), status, mimetype=JSON)
