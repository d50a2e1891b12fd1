"""Plain submissions, answered before Flask: those that need neither its routing nor its errors.

Flask is a third of what an empty view costs on this server, and more than decoding a conversation
and journalling it together. So a submission that is uncompressed, not large, waits for no
commit, names no request id and is plainly right is answered here. Any other goes on to the view in
`app.api.ingest`, body and all, and gets its answer there.
"""

from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from io import BytesIO
from time import perf_counter
from typing import TYPE_CHECKING, Final

from flask import Flask

from app.api import cors, sniffing
from app.api.body import CONNECTION, USUAL_TYPES
from app.api.formats import JSON, encode_json
from app.api.guards import Guards
from app.api.observation import Observer
from app.ingest.intake import Intake
from app.settings import Settings
from app.telemetry import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PATH: Final = "/v1/ingest/chat"
_OK: Final = str(HTTPStatus.OK.value)
_MAX_PLAIN_BYTES: Final = 64 * 1024
"""Size up to which a body isn't counted in `max_bodies_bytes`: a worker has few threads."""


class PlainSubmissions:
    """A WSGI layer around the application's own."""

    def __init__(
        self, app: Flask, intake: Intake, guards: Guards, settings: Settings, observer: Observer
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
            # A body that broke off isn't plain, whatever it says.
            receipt = self._intake.submit_plain(body) if len(body) == length else None
        except Exception as error:  # noqa: BLE001  # Flask's handlers tell them apart
            refuse = partial(self._refuse, error)
            return self._observer.observe(refuse, environ, start_response, started)
        if receipt is None:
            environ["wsgi.input"] = BytesIO(body)
            return self._to_flask(environ, start_response)
        answer = encode_json({"ingest_id": receipt.ingest_id})
        size = ("Content-Length", str(len(answer)))
        metrics.answered("POST", _PATH, _OK, perf_counter() - started)
        start_response("200 OK", [("Content-Type", JSON), size, sniffing.HEADER, *cors.HEADERS])
        return [answer]

    def _plain_length(self, environ: "WSGIEnvironment") -> int:
        """Return the length of the body if the headers are those of a plain one, and else 0."""
        if (
            environ["PATH_INFO"] != _PATH
            or environ["REQUEST_METHOD"] != "POST"
            or environ.get("CONTENT_TYPE") not in USUAL_TYPES
            or "HTTP_CONTENT_ENCODING" in environ
            or "HTTP_PREFER" in environ
            or "HTTP_X_REQUEST_ID" in environ
        ):
            return 0
        # Absent when the body comes in chunks; the server has refused what isn't a number.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        return length if length <= self._max_bytes else 0

    def _refuse(
        self, error: Exception, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        with self._app.request_context(environ):
            try:
                answer = self._app.handle_user_exception(error)
            except Exception as unknown:  # noqa: BLE001  # it passes on what has no handler
                answer = self._app.handle_exception(unknown)
            response = self._app.process_response(self._app.make_response(answer))
            return response(environ, start_response)


def init_app(
    app: Flask, intake: Intake, guards: Guards, settings: Settings, observer: Observer
) -> None:
    """Put the layer around the application."""
    app.wsgi_app = PlainSubmissions(app, intake, guards, settings, observer)  # type: ignore[method-assign]  # as Flask's documentation has it
