"""Observes each request: its id, its duration, its metrics and its line in the log.

The observer wraps the application instead of using Flask's hooks, because a streamed answer lasts
until its last byte, and what is logged until then belongs to the request too.
"""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast

from flask import Flask, Request
from werkzeug.wsgi import ClosingIterator

from app.telemetry import metrics, traces
from app.telemetry.labels import RejectionReason
from app.telemetry.logs import RequestId, current_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID_HEADER: Final = "X-Request-ID"
ID: Final = "chatlake.request_id"
"""Key of a WSGI environment: the `RequestId` of the request, if it has one already."""
STARTED: Final = "chatlake.started"
"""Key of a WSGI environment: when the request came, in `perf_counter`'s time, if it is known."""

_EXTENSION: Final = "chatlake.observer"
_INGEST: Final = "ingest"
NO_ROUTE: Final = "none"
"""The route of requests that match none, in metrics and logs."""

_REASONS: Final[Mapping[int, RejectionReason]] = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.UNAUTHORIZED: "denied",
    HTTPStatus.FORBIDDEN: "denied",
    HTTPStatus.REQUEST_TIMEOUT: "too_slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid",
    HTTPStatus.CONFLICT: "busy",
    HTTPStatus.TOO_MANY_REQUESTS: "busy",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}

log = logging.getLogger(__name__)


class RequestObserver:
    """A WSGI middleware that observes requests."""

    def __init__(self, application: "WSGIApplication", *, access_log: bool) -> None:
        """Observe the requests of an application.

        Args:
            application: The WSGI application.
            access_log: Whether every request is logged; otherwise only server errors are.
        """
        self._application = application
        self._access_log = access_log

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Have the application answer a request, and observe it."""
        exchange = _Exchange(self, environ, start_response)
        current_request.set(exchange.request_id)
        try:
            with exchange.span.current():
                body = self._application(environ, exchange.start)
        except BaseException:
            current_request.set(None)
            raise
        if exchange.size is None:
            return ClosingIterator(body, exchange.end)
        exchange.end()
        return body

    def answered(
        self, method: str, route: str, status: int, seconds: float, size_bytes: int | None
    ) -> None:
        """Count an answered request, and log it if the settings ask for that.

        Args:
            method: The request's method.
            route: The URL rule that the request matched.
            status: The status code of the answer.
            seconds: Time to the end of the answer.
            size_bytes: Size of the answer's body; None when it was streamed.
        """
        metrics.answered(method, route, str(status), seconds)
        if self._access_log or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._log(method, route, status, seconds, size_bytes)

    def _log(
        self, method: str, route: str, status: int, seconds: float, size_bytes: int | None
    ) -> None:
        log.log(
            logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO,
            "%s %s %s",
            method,
            route,
            status,
            extra={
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "bytes": size_bytes,
            },
        )


def init_app(app: Flask, *, access_log: bool) -> None:
    """Put an observer around the application."""
    observer = RequestObserver(app.wsgi_app, access_log=access_log)
    app.wsgi_app = observer  # type: ignore[method-assign]  # as Flask's documentation has it
    app.extensions[_EXTENSION] = observer


def observer_of(app: Flask) -> RequestObserver:
    """Return the observer of an application, for requests that are answered before it."""
    return cast("RequestObserver", app.extensions[_EXTENSION])


class _Exchange:
    """One request and its answer.

    Attributes:
        request_id: The id of the request.
        span: The span of the request.
        status: The answer's status code; 0 before it begins.
        size: The answer's Content-Length; None when it is streamed or hasn't begun.
    """

    __slots__ = (
        "_environ",
        "_observer",
        "_request",
        "_start_response",
        "_started",
        "request_id",
        "size",
        "span",
        "status",
    )

    def __init__(
        self,
        observer: RequestObserver,
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
    ) -> None:
        self._started = environ.get(STARTED) or perf_counter()
        self._observer = observer
        self._environ = environ
        self._start_response = start_response
        self._request: Request | None = None
        self.request_id = environ.get(ID) or RequestId(environ.get("HTTP_X_REQUEST_ID"))
        self.span = traces.RequestSpan(environ.get("HTTP_TRACEPARENT"))
        self.status = 0
        self.size: int | None = None

    def start(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        """Begin the answer; the request id is added if the client sent one, and to errors."""
        self.status = int(status[:3])
        # Kept here: Flask removes the request from the environment when its part is done.
        self._request = self._environ["werkzeug.request"]
        size = next((value for name, value in headers if name == "Content-Length"), None)
        self.size = None if size is None else int(size)
        if self.request_id.was_sent or self.status >= HTTPStatus.BAD_REQUEST:
            headers.append((REQUEST_ID_HEADER, str(self.request_id)))
        return self._start_response(status, headers, *exc_info)

    def end(self) -> None:
        """Observe the request, whose answer is complete."""
        try:
            request = self._request
            # Without a route, the method may be anything that the client made up.
            method = route = NO_ROUTE
            if request and request.url_rule:
                method, route = request.method, request.url_rule.rule
            seconds = perf_counter() - self._started
            self._observer.answered(method, route, self.status, seconds, self.size)
            self.span.end(method, route, self.status)
            is_error = self.status >= HTTPStatus.BAD_REQUEST
            if is_error and request and request.blueprint == _INGEST:
                metrics.rejected(_REASONS.get(self.status, "failed"))
        finally:
            current_request.set(None)
