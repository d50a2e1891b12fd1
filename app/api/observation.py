"""Observes each request: its id, its duration, its metrics and its line in the log.

The observer wraps the application instead of using Flask's hooks, because a streamed answer lasts
until its last byte, and what is logged until then belongs to the request too.
"""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Request
from werkzeug.wsgi import ClosingIterator

from app.telemetry import metrics
from app.telemetry.logs import RequestId, current_request
from app.telemetry.metrics import RejectionReason

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID_HEADER: Final = "X-Request-ID"
_INGEST: Final = "ingest"
_NO_ROUTE: Final = "none"

_REASONS: Final[Mapping[int, RejectionReason]] = {
    HTTPStatus.BAD_REQUEST: "malformed",
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
        return self.observe(self._application, environ, start_response, perf_counter())

    def observe(
        self,
        application: "WSGIApplication",
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
        started: float,
    ) -> Iterable[bytes]:
        """Have an application answer a request, and observe it.

        Args:
            application: The WSGI application that answers.
            environ: The WSGI environment of the request.
            start_response: The server's callable that begins the answer.
            started: When the request came, in `perf_counter`'s time.
        """
        exchange = _Exchange(environ, start_response, started, access_log=self._access_log)
        current_request.set(exchange.request_id)
        try:
            body = application(environ, exchange.start)
        except BaseException:
            current_request.set(None)
            raise
        if exchange.size is None:
            return ClosingIterator(body, exchange.end)
        exchange.end()
        return body


def init_app(app: Flask, *, access_log: bool) -> RequestObserver:
    """Put an observer around the application, and return it."""
    observer = RequestObserver(app.wsgi_app, access_log=access_log)
    app.wsgi_app = observer  # type: ignore[method-assign]  # as Flask's documentation has it
    return observer


class _Exchange:
    """One request and its answer.

    Attributes:
        request_id: The id of the request.
        status: The three digits of the answer's status; "" before it begins.
        size: The answer's Content-Length; None when it is streamed or hasn't begun.
    """

    __slots__ = (
        "_access_log",
        "_environ",
        "_request",
        "_start_response",
        "_started",
        "request_id",
        "size",
        "status",
    )

    def __init__(
        self,
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
        started: float,
        *,
        access_log: bool,
    ) -> None:
        self._started = started
        self._environ = environ
        self._start_response = start_response
        self._access_log = access_log
        self._request: Request | None = None
        self.request_id = RequestId(environ.get("HTTP_X_REQUEST_ID"))
        self.status = ""
        self.size: str | None = None

    def start(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        """Begin the answer; the request id is added if the client sent one, and to errors."""
        self.status = status[:3]
        # Kept here: Flask removes the request from the environment when its part is done.
        self._request = self._environ["werkzeug.request"]
        self.size = next((value for name, value in headers if name == "Content-Length"), None)
        if self.request_id.was_sent or self.status >= "400":
            headers.append((REQUEST_ID_HEADER, str(self.request_id)))
        return self._start_response(status, headers, *exc_info)

    def end(self) -> None:
        """Count the request, and log it if the settings ask for that."""
        try:
            seconds = perf_counter() - self._started
            request = self._request
            # Without a route, the method may be anything that the client made up.
            method = route = _NO_ROUTE
            if request and request.url_rule:
                method, route = request.method, request.url_rule.rule
            metrics.answered(method, route, self.status, seconds)
            if self.status >= "400" and request and request.blueprint == _INGEST:
                metrics.rejected(_REASONS.get(int(self.status), "failed"))
            if self._access_log or self.status >= "500":
                self._log(method, route, seconds * 1000)
        finally:
            current_request.set(None)

    def _log(self, method: str, route: str, milliseconds: float) -> None:
        log.log(
            logging.WARNING if self.status >= "500" else logging.INFO,
            "%s %s %s",
            method,
            route,
            self.status,
            extra={
                "method": method,
                "route": route,
                "status": int(self.status),
                "ms": round(milliseconds, 1),
                "bytes": None if self.size is None else int(self.size),
            },
        )
