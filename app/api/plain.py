"""Plain submissions, answered before Flask: those that need neither its routing nor its errors.

Flask takes about a third of the time that an empty view costs on the same server, more than decoding
and journalling a conversation together. So a submission that is uncompressed, not large, waits for
no commit and is plainly right (`decode_plain`) is answered here. Any other goes on to the view in
`app.api.ingest`, body and all, and gets its answer there.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Final

from flask import Flask

from app.api.body import USUAL_TYPES
from app.api.cors import HEADERS
from app.api.formats import JSON, encode_json
from app.ingest.decode import decode_plain, new_contribution_id
from app.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH: Final = "/v1/ingest/chat"
MAX_PLAIN_BYTES: Final = 64 * 1024
"""Size of a body up to which it isn't counted against the memory for bodies: they are many."""


class PlainSubmissions:
    """A WSGI layer around the application's own."""

    def __init__(self, app: Flask, services: Services) -> None:
        self._app = app
        self._to_flask = app.wsgi_app
        self._services = services
        self._max_bytes = min(MAX_PLAIN_BYTES, services.settings.max_body_bytes)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a plain submission, or pass the request on."""
        length = self._plain_length(environ)
        if length is None:
            return self._to_flask(environ, start_response)
        body = environ["wsgi.input"].read(length)
        contribution = decode_plain(body, self._services.limits, new_contribution_id())
        if contribution is None or len(body) < length:
            environ["wsgi.input"] = BytesIO(body)
            return self._to_flask(environ, start_response)
        try:
            receipt = self._services.journal.append(contribution)
        except Exception as error:  # noqa: BLE001  # Flask's handlers tell them apart
            return self._refuse(error, environ, start_response)
        answer = encode_json({"ingest_id": receipt.ingest_id})
        length_header = ("Content-Length", str(len(answer)))
        start_response("200 OK", [("Content-Type", JSON), length_header, *HEADERS])
        return [answer]

    def _plain_length(self, environ: "WSGIEnvironment") -> int | None:
        """Return the length of the body, if the request's headers are those of a plain one."""
        if (
            environ["PATH_INFO"] != PATH
            or environ["REQUEST_METHOD"] != "POST"
            or environ.get("CONTENT_TYPE") not in USUAL_TYPES
            or "HTTP_CONTENT_ENCODING" in environ
            or "HTTP_PREFER" in environ
        ):
            return None
        # Absent when the body comes in chunks; the server has refused what isn't a number.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        return length if 0 < length <= self._max_bytes else None

    def _refuse(
        self, error: Exception, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        with self._app.request_context(environ):
            try:
                answer = self._app.handle_user_exception(error)
            except Exception as unknown:  # noqa: BLE001  # the handler passes on what it doesn't know
                answer = self._app.handle_exception(unknown)
            response = self._app.process_response(self._app.make_response(answer))
        return response(environ, start_response)


def init_app(app: Flask, services: Services) -> None:
    """Put the layer around the application."""
    app.wsgi_app = PlainSubmissions(app, services)  # type: ignore[method-assign]  # as Flask's documentation has it
