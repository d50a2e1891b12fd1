"""HTTP connections: uvicorn's protocol, with limits and deadlines between bodies.

uvicorn waits without limit for the head of a request, takes a head of any size, and answers a
malformed one with plain text. It closes a connection without an answer when its client says that it
will send no more, though the client may still want its answer.
"""

import json
from asyncio import TimerHandle
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.api.headers import CORS, NO_SNIFFING
from app.api.reads import CLIENT
from app.settings import Settings

MAX_HEAD_BYTES: Final = 64 * 1024
"""Size of a request's line and headers from which they are refused."""

_VERSIONS: Final = frozenset({"1.0", "1.1"})


class Client:
    """The client's end of a connection, as far as requests may know it.

    Attributes:
        has_left: Whether the client has closed the connection or its sending side, or sends what
            is no HTTP.
        is_gone: Whether the connection is closed.
    """

    def __init__(self, protocol: "Protocol") -> None:
        self.has_left = False
        self.is_gone = False
        self._protocol = protocol

    def fileno(self) -> int:
        """Return the file descriptor of the connection, to wait for its end with `poll`."""
        return self._protocol.fileno()

    @property
    def is_slow(self) -> bool:
        """Whether the client has yet to read most of what was sent."""
        return self._protocol.flow.write_paused

    async def wait_until_read(self) -> None:
        """Return when the client has read most of what was sent, or has left."""
        await self._protocol.flow.drain()

    def cut_off(self) -> None:
        """End the connection at once; what was sent and not read yet is lost."""
        self._protocol.transport.abort()


class Protocol(HttpToolsProtocol):
    """One connection.

    A connection is idle when no request is being answered. While it is, the client has
    `idle_timeout_s` to send the head of a request, or the rest of a body that was refused early.
    """

    settings: Settings
    """The settings, which the worker sets before it listens."""

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._client = Client(self)
        self._head_bytes = 0
        self._is_in_body = False
        self._deadline: TimerHandle | None = None
        self._await_client()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that the client has left."""
        self._client.has_left = self._client.is_gone = True
        self._stop_waiting()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio allows it
        """Answer what was asked, if it was asked completely, before the connection is closed.

        Returns:
            Whether the connection stays open for the answer.
        """
        if self._is_idle and self._head_bytes:
            self._refuse(HTTPStatus.BAD_REQUEST, "the request broke off")
        self._expect_no_more()
        return not self._is_idle

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        super().data_received(data)
        if not self._is_idle or self.transport.is_closing():
            return
        self._await_client()
        if not self._is_in_body:
            self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._refuse(status, f"the headers exceed {MAX_HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        """Let the request know its client."""
        super().on_message_begin()
        self.scope["state"][CLIENT] = self._client

    def on_headers_complete(self) -> None:
        """Begin to answer a request."""
        if self.parser.get_http_version() not in _VERSIONS:
            raise ValueError("another version of HTTP")
        self._head_bytes = 0
        self._is_in_body = True
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the head of the next request."""
        self._is_in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the client to read the rest of the last answer."""
        super().on_response_complete()
        if not self.pipeline and (self.transport.is_closing() or self._is_in_body):
            self._await_client()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that wasn't used for a while, once its client has read everything."""
        if self.transport.get_write_buffer_size():
            self._await_client()
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn says no more
        """Answer a malformed request in the form of all errors."""
        if self._is_idle:
            self._refuse(HTTPStatus.BAD_REQUEST, "the request is malformed HTTP")
        else:
            self.flow.pause_reading()
            self._expect_no_more()

    def fileno(self) -> int:
        """Return the file descriptor of the connection; -1 when it is closed."""
        sock = self.transport.get_extra_info("socket")
        return sock.fileno() if sock else -1

    @property
    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or (cycle.response_complete and not self.pipeline)

    def _await_client(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.settings.idle_timeout_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
        elif self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request didn't come in time")
        else:
            self.transport.close()

    def _expect_no_more(self) -> None:
        """Let requests end that wait for more of their bodies, and close after the last answer."""
        self._client.has_left = True
        cycles = [cycle for cycle, _ in self.pipeline]
        if self.cycle is not None:
            cycles.append(self.cycle)
        for cycle in cycles:
            cycle.keep_alive = False
            cycle.message_event.set()

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer a request that has no complete head, and close the connection."""
        if self.transport.is_closing():
            return
        error = {"code": status, "status": status.phrase, "message": message, "errors": {}}
        body = json.dumps(error).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            NO_SNIFFING,
            *CORS,
        ]
        lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self.transport.close()
        self._await_client()
