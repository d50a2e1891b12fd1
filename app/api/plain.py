"""Plain submissions, which are answered before Flask: they need neither its routing nor its errors.

Flask is a third of what an empty view costs on this server, and costs more than decoding and
journalling a conversation. So a submission is answered here when it is uncompressed, small and
valid, doesn't wait for its commit and has no request id. Every other submission goes on to the view
in `app.api.ingest` with its body, and is answered there.
"""

from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from io import BytesIO
from time import perf_counter
from typing import TYPE_CHECKING, Final

from flask import Flask

from app.api.body import CONNECTION, USUAL_TYPES
from app.api.formats import JSON, encode_json
from app.api.guards import Guards
from app.api.headers import CORS, NO_SNIFFING
from app.api.observation import RequestObserver
from app.ingest.intake import Intake
from app.settings import Settings
from app.telemetry import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PATH: Final = "/v1/ingest/chat"
_OK: Final = str(HTTPStatus.OK.value)
_MAX_PLAIN_BYTES: Final = 64 * 1024
"""Size up to which bodies need no part of `max_bodies_bytes`: a worker has few threads."""


class PlainSubmissions:
    """A WSGI middleware that answers plain submissions."""

    def __init__(
        self,
        app: Flask,
        intake: Intake,
        guards: Guards,
        settings: Settings,
        observer: RequestObserver,
    ) -> None:
        self._app = app
        self._to_flask = app.wsgi_app
        self._observer = observer
        self._intake = intake
        self._deadlines = guards.deadlines
        self._timeout_s = settings.body_timeout_s
        self._max_bytes = min(_MAX_PLAIN_BYTES, settings.max_body_bytes)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a plain submission, or pass the request on."""
        started = perf_counter()
        length = self._plain_length(environ)
        if not length:
            return self._to_flask(environ, start_response)
        try:
            with self._deadlines.within(environ.get(CONNECTION), self._timeout_s):
                body = environ["wsgi.input"].read(length)
            # A body that broke off isn't plain, even if the part that came is valid.
            receipt = self._intake.submit_plain(body) if len(body) == length else None
        except Exception as error:  # noqa: BLE001  # Flask's handlers answer every error
            refuse = partial(self._refuse, error)
            return self._observer.observe(refuse, environ, start_response, started)
        if receipt is None:
            environ["wsgi.input"] = BytesIO(body)
            return self._to_flask(environ, start_response)
        answer = encode_json({"ingest_id": receipt.ingest_id})
        size = ("Content-Length", str(len(answer)))
        metrics.answered("POST", _PATH, _OK, perf_counter() - started)
        start_response("200 OK", [("Content-Type", JSON), size, NO_SNIFFING, *CORS])
        return [answer]

    def _plain_length(self, environ: "WSGIEnvironment") -> int:
        """Return the length of the body in bytes; 0 unless the headers are those of a plain one."""
        if (
            environ["PATH_INFO"] != _PATH
            or environ["REQUEST_METHOD"] != "POST"
            or environ.get("CONTENT_TYPE") not in USUAL_TYPES
            or "HTTP_CONTENT_ENCODING" in environ
            or "HTTP_PREFER" in environ
            or "HTTP_X_REQUEST_ID" in environ
        ):
            return 0
        # Absent when the body comes in chunks; the server has refused values that are no numbers.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        return length if length <= self._max_bytes else 0

    def _refuse(
        self, error: Exception, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        with self._app.request_context(environ):
            try:
                answer = self._app.handle_user_exception(error)
            except Exception as unknown:  # noqa: BLE001  # errors without a handler are raised again
                answer = self._app.handle_exception(unknown)
            response = self._app.process_response(self._app.make_response(answer))
            return response(environ, start_response)


def init_app(
    app: Flask, intake: Intake, guards: Guards, settings: Settings, observer: RequestObserver
) -> None:
    """Put the middleware around the application."""
    app.wsgi_app = PlainSubmissions(app, intake, guards, settings, observer)  # type: ignore[method-assign]  # as Flask's documentation has it
