"""Runs the Flask application in a bounded pool of threads, and sends its answers.

A thread computes a part of an answer, and is free while the client reads that part. So a slow
reader costs a coroutine. A2wsgi and similar libraries hold a thread until the last byte is read.
"""

import sys
from asyncio import sleep
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from io import BytesIO
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote_to_bytes

from app.api.errors import FAILURE
from app.api.limits import DELAY_S, METER
from app.api.observation import ID, STARTED
from app.api.reads import CLIENT
from app.edge.requests import ClientGone, Request
from app.edge.threads import Threads

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

T = TypeVar("T")

_PART_BYTES: Final = 256 * 1024
"""Size from which a part of an answer is sent."""
_PART_S: Final = 0.05
"""Time after which a part is sent, however small."""


class FlaskAnswers:
    """Answers requests by the Flask application."""

    def __init__(self, application: "WSGIApplication", threads: Threads) -> None:
        """Prepare to answer.

        Args:
            application: The Flask application.
            threads: Where it works.
        """
        self._application = application
        self._threads = threads

    async def send(
        self, request: Request, body: bytes = b"", failure: Exception | None = None
    ) -> None:
        """Answer a request.

        Args:
            request: The request.
            body: All of its body.
            failure: What went wrong before, which Flask answers as if a view had raised it.

        Raises:
            ClientGone: The client left, or read too slowly.
        """
        environ = _environ(request, body)
        if failure is not None:
            environ[FAILURE] = failure
        answer = _Answer(self._application, environ)
        try:
            part = await self._threads.run(answer.begin)
            if DELAY_S in environ:
                await sleep(environ[DELAY_S])
            await request.begin(answer.status, answer.headers)
            while not answer.is_over:
                await _send(request, part)
                part = await self._threads.run(answer.go_on)
            await request.end(part)
        except BrokenPipeError as error:
            # The application's way of ending an answer that nobody waits for any more.
            request.client.cut_off()
            raise ClientGone from error
        finally:
            # Started rather than awaited: this task may have been cancelled.
            self._threads.start(answer.close)


async def _send(request: Request, part: bytes) -> None:
    """Send a part, and return when the client has read most of what was sent."""
    if part:
        await request.send_body(part)
    await request.client.wait_until_read()
    if request.client.is_gone:
        raise ClientGone


class _Answer:
    """An answer of a WSGI application, which is computed part by part in changing threads.

    Attributes:
        status: The status code.
        headers: The headers, as ASGI has them.
        is_over: Whether the last part was returned.
    """

    def __init__(self, application: "WSGIApplication", environ: "WSGIEnvironment") -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_over = False
        self._application = application
        self._environ = environ
        # Flask keeps its state of a request in context variables.
        self._context = copy_context()
        self._body: Iterable[bytes] = ()
        self._pieces: Iterator[bytes] = iter(())
        self._computing = Lock()

    def begin(self) -> bytes:
        """Have the application answer, and return the first part of the body."""
        return self._compute(self._begin)

    def go_on(self) -> bytes:
        """Return the next part of the body."""
        return self._compute(self._part)

    def close(self) -> None:
        """Tell the application that no more is wanted."""
        self._compute(self._close)

    def _compute(self, step: Callable[[], T]) -> T:
        with self._computing:
            return self._context.run(step)

    def _begin(self) -> bytes:
        self._body = self._application(self._environ, self._start)
        self._pieces = iter(self._body)
        return self._part()

    def _start(self, status: str, headers: list[tuple[str, str]], *_exc_info: Any) -> Any:
        self.status = int(status[:3])
        # The server sends the time with every answer.
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers
            if name.lower() != "date"
        ]
        return _write_is_unsupported

    def _part(self) -> bytes:
        pieces: list[bytes] = []
        size, ends_at = 0, monotonic() + _PART_S
        for piece in self._pieces:
            pieces.append(piece)
            size += len(piece)
            if size >= _PART_BYTES or (size and monotonic() > ends_at):
                return b"".join(pieces)
        self.is_over = True
        return b"".join(pieces)

    def _close(self) -> None:
        if close := getattr(self._body, "close", None):
            close()


def _write_is_unsupported(_data: bytes) -> None:
    raise NotImplementedError("the write callable of PEP 3333 is not offered")


def _environ(request: Request, body: bytes) -> "WSGIEnvironment":
    """Return the WSGI environment of a request: PEP 3333."""
    scope = request.scope
    host, port = scope["server"] or ("localhost", 0)
    address = scope["client"]
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": address[0] if address else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        CLIENT: request.client,
        ID: request.id,
        STARTED: request.started,
    }
    for name, value in request.headers.items():
        # A name with an underscore could pass for another one in an environment.
        if b"_" not in name:
            environ[_key(name.decode("latin-1"))] = value.decode("latin-1")
    if request.meter is not None:
        environ[METER] = request.meter
    # What the body is now, in whichever way it came.
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _key(header: str) -> str:
    if header == "content-type":
        return "CONTENT_TYPE"
    return "HTTP_" + header.upper().replace("-", "_")
