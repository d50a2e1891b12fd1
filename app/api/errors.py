"""Errors as HTTP answers: one envelope, and one table from categories of errors to status codes.

Engines that read the Iceberg catalog get errors in the form that its specification has.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, current_app, request
from marshmallow import Schema, ValidationError, fields
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError

from app.access.contributors.keys import ContributorKeyMissing, KeyOwnsNothing
from app.access.errors import (
    HeldBack,
    KeyInvalid,
    RoleMissing,
    SnapshotNotPublic,
    Unauthenticated,
)
from app.api.iceberg import PREFIX as ICEBERG
from app.api.iceberg import errors as iceberg
from app.iceberg.errors import ReadOnlyCatalog
from app.ingest.errors import BodyTimeout, ContributorBanned, LimitExceeded, MalformedBody
from app.state.derived import DerivedLost
from catalog.errors import (
    Abandoned,
    Conflict,
    Gone,
    Invalid,
    LakeError,
    NotFound,
    Overloaded,
    TableNotFound,
    Unavailable,
)

FAILURE: Final = "chatlake.failure"
"""Key of a WSGI environment: the exception that kept a request from reaching its view."""
RETRY_AFTER_S: Final = 1
PUBLIC_FROM_HEADER: Final = "Chatlake-Public-From"
"""Header of an answer with 403: when the snapshot becomes public, as in RFC 3339."""

_KEPT_HEADERS: Final = frozenset({"Allow", "Content-Range"})
_TEMPORARY: Final = frozenset(
    {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.CONFLICT}
)
_WRONG_PARAMETER: Final = "a parameter doesn't fit"

STATUS: Final[Mapping[type[Exception], HTTPStatus]] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Gone: HTTPStatus.GONE,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    Conflict: HTTPStatus.CONFLICT,
    Overloaded: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Abandoned: HTTPStatus.REQUEST_TIMEOUT,
    LakeError: HTTPStatus.INTERNAL_SERVER_ERROR,
    SQLAlchemyError: HTTPStatus.SERVICE_UNAVAILABLE,
    OSError: HTTPStatus.SERVICE_UNAVAILABLE,
    # Errors for which HTTP has a status of its own.
    MalformedBody: HTTPStatus.BAD_REQUEST,
    LimitExceeded: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyTimeout: HTTPStatus.REQUEST_TIMEOUT,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    RoleMissing: HTTPStatus.FORBIDDEN,
    SnapshotNotPublic: HTTPStatus.FORBIDDEN,
    ReadOnlyCatalog: HTTPStatus.FORBIDDEN,
    ContributorKeyMissing: HTTPStatus.UNAUTHORIZED,
    KeyOwnsNothing: HTTPStatus.FORBIDDEN,
    ContributorBanned: HTTPStatus.FORBIDDEN,
    # The client asked for something that exists; the operator hasn't run the migrations.
    TableNotFound: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Status codes by class; an error has the status of its nearest base class that is listed."""


class EnvelopeSchema(Schema):
    """The body of every error."""

    code = fields.Integer(
        required=True, metadata={"description": "The status code", "example": 422}
    )
    status = fields.String(
        required=True,
        metadata={
            "description": "The name of the status code",
            "example": "Unprocessable Entity",
        },
    )
    message = fields.String(
        required=True,
        metadata={"description": "What went wrong", "example": "the submission is wrong"},
    )
    errors = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "What is wrong, by field; empty when no field is to blame",
            "example": {"agent_id": ["Missing data for required field."]},
        },
    )


def init_app(app: Flask) -> None:
    """Have the application answer every error with the envelope."""
    app.register_error_handler(HTTPException, handle_http_exception)
    app.register_error_handler(LakeError, handle_error)
    app.register_error_handler(SQLAlchemyError, handle_error)
    app.register_error_handler(OSError, handle_error)
    app.register_error_handler(ValidationError, handle_validation_error)
    app.before_request(_fail)


def _fail() -> None:
    """Raise what went wrong before the application got the request."""
    if failure := request.environ.get(FAILURE):
        raise failure


def status_of(error: Exception) -> HTTPStatus:
    """Return the status that answers an error, which is that of its closest kind in `STATUS`."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def handle_error(error: Exception) -> Response:
    """Answer an error that a service raised."""
    status = status_of(error)
    if isinstance(error, OperationalError | OSError | DerivedLost):
        # An outage fails every request: one line for each is enough.
        cause = str(getattr(error, "orig", error)).partition("\n")[0]
        current_app.logger.error("%s: %s", type(error).__name__, cause)
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, HeldBack):
        current_app.logger.error("%s", type(error).__name__, exc_info=error)
    if isinstance(error, SQLAlchemyError | OSError):
        # Clients don't need to see statements and paths.
        return _answer(error, status, "the storage can't be reached or is full; try again later")
    return _answer(error, status, str(error), getattr(error, "errors", {}), _headers(error, status))


def handle_validation_error(error: ValidationError) -> Response:
    """Answer an invalid parameter that Marshmallow or a view found."""
    errors = {error.field_name: error.messages}
    if isinstance(error.messages, dict):
        errors = error.messages
    return _answer(error, HTTPStatus.UNPROCESSABLE_ENTITY, _WRONG_PARAMETER, errors)


def handle_http_exception(error: HTTPException) -> Response:
    """Answer an error of Flask, Werkzeug or webargs, or one that has no handler of its own."""
    if isinstance(error, InternalServerError):
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return _answer(error, status, "an internal error; it was logged")
    data = getattr(error, "data", {})
    # webargs groups messages by the part of the request; the envelope has fields alone.
    by_location = data.get("messages", {})
    errors = {field: text for fields_ in by_location.values() for field, text in fields_.items()}
    message = _WRONG_PARAMETER if errors else data.get("message") or error.description
    headers = {name: value for name, value in error.get_headers() if name in _KEPT_HEADERS}
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    return _answer(error, status, message or error.name, errors, headers)


def _headers(error: Exception, status: HTTPStatus) -> dict[str, str]:
    """Return the headers by which an error says what would be answered."""
    if isinstance(error, SnapshotNotPublic):
        (public_from,) = error.errors["public_from"]
        return {PUBLIC_FROM_HEADER: public_from, "Retry-After": str(error.retry_after_s)}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": _challenge(error)}
    return {}


def _challenge(error: Exception) -> str:
    """Return what an answer with 401 asks for: RFC 6750, section 3."""
    challenge = 'Bearer realm="chatlake"'
    return f'{challenge}, error="invalid_token"' if isinstance(error, KeyInvalid) else challenge


def _answer(
    error: Exception,
    status: HTTPStatus,
    message: str,
    errors: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error in the form that the request's path has: the catalog's, or the envelope."""
    if request.path.startswith(f"{ICEBERG}/"):
        response = iceberg.render(error, status, message, errors or {})
    else:
        body = current_app.json.dumps(envelope(status, message, errors))
        response = Response(body, status, mimetype="application/json")
    response.headers.update(headers or {})
    if status in _TEMPORARY:
        response.headers["Retry-After"] = str(getattr(error, "retry_after_s", RETRY_AFTER_S))
    return response


def envelope(
    status: HTTPStatus, message: str, errors: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the body of an error.

    Args:
        status: The status of the answer.
        message: What is wrong, in one sentence.
        errors: What is wrong with each field or parameter; None for nothing.
    """
    return {
        "code": status.value,
        "status": status.phrase,
        "message": message,
        "errors": errors or {},
    }
