"""Serves an ASGI application by the edge's protocol, within the process of the test."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, Final

import uvicorn
from flask import Flask

from app.edge.application import Edge
from app.edge.connections.protocol import Protocol, Take
from app.edge.worker import SERVER
from app.services import services_of
from app.settings import Settings
from tests.app.ingest.polling import wait_until

TIMEOUT_S: Final = 20.0

Application = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: The status code.
        headers: The headers by their names in lower case.
        body: What followed the head, up to the end of the body or of the connection.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Connection:
    """A client's connection, on which bytes are sent by hand."""

    def __init__(self, port: int, receive_buffer_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(TIMEOUT_S)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self._file = self.socket.makefile("rb")

    def send(self, *pieces: bytes) -> None:
        """Send bytes."""
        for piece in pieces:
            self.socket.sendall(piece)

    def end_sending(self) -> None:
        """Close the sending side."""
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self) -> Answer:
        """Return the next answer."""
        head = self.receive_head()
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
        }
        status = int(head[0].split(" ")[1])
        if "content-length" in headers:
            body = self._file.read(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self._file.read()
        return Answer(status, headers, body)

    def receive_head(self) -> list[str]:
        """Return the lines of the next head."""
        lines = []
        while line := self._file.readline().rstrip(b"\r\n"):
            lines.append(line.decode("latin-1"))
        return lines

    def receive_rest(self) -> bytes:
        """Return what comes until the connection is closed or reset."""
        received = bytearray()
        with suppress(ConnectionResetError):
            while data := self._file.read1():
                received += data
        return bytes(received)

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self.socket.close()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._file.readline(), 16):
            yield self._file.read(size)
            self._file.readline()
        self._file.readline()


class Serving:
    """A running server.

    Attributes:
        port: The port that the server listens on.
        server: uvicorn's server.
        loop: The event loop of the server, which runs in a thread of its own.
    """

    def __init__(
        self, application: Application, settings: Settings, take: Take = lambda *_: False
    ) -> None:
        http: Any = partial(Protocol, settings, {}, take)
        config = uvicorn.Config(application, http=http, log_config=None, **SERVER)
        self.server = uvicorn.Server(config)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        # A daemon: an application that never answers must not keep the tests from ending.
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        wait_until(lambda: self.server.started, "the server to start")

    def connect(self, **options: Any) -> "closing[Connection]":
        """Open a connection, which is closed after the block."""
        return closing(Connection(self.port, **options))

    def exchange(self, *pieces: bytes) -> Answer:
        """Send bytes on a connection of their own, and return the answer."""
        with self.connect() as connection:
            connection.send(*pieces)
            return connection.receive()

    def stop(self) -> None:
        """End the server as a signal would."""
        self.server.should_exit = True
        self._thread.join(TIMEOUT_S)

    def _run(self) -> None:
        async def serve() -> None:
            self.loop = asyncio.get_running_loop()
            await self.server.serve([self._listening])

        factory = self.server.config.get_loop_factory()
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(serve())


@contextmanager
def serving(
    application: Application, settings: Settings, take: Take = lambda *_: False
) -> Iterator[Serving]:
    """Serve an ASGI application within the block."""
    made = Serving(application, settings, take)
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def edge_serving(app: Flask) -> Iterator[Serving]:
    """Serve an application by the edge within the block."""
    services = services_of(app)
    edge = Edge(app, services)
    with serving(edge, services.settings, edge.take) as made:
        yield made
    edge.close()


def request(
    method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """Return the bytes of a request; a body gets its Content-Length."""
    given = {"Host": "lake", **(headers or {})}
    if body is not None:
        given.setdefault("Content-Length", str(len(body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + (body or b"")
