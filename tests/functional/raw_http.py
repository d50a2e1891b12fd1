"""HTTP requests written by hand, such as no client library would send."""

import errno
import json
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

INGEST: Final = b"POST /v1/ingest/chat HTTP/1.1\r\n"
TIMEOUT_S: Final = 30.0

_CLOSED: Final = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back before the server closed the connection.

    Attributes:
        status: The status code; None when nothing came back.
        body: The bytes after the first answer's header, further answers included.
    """

    status: int | None
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        """The error envelope."""
        envelope: dict[str, Any] = json.loads(self.body)
        return envelope


def post(port: int, body: bytes | Iterable[bytes], *headers: str) -> Answer:
    """Post a body, all of it, under its Content-Length or the one that the headers give."""
    lines = ["Host: lake", "Connection: close", *headers]
    given = {line.partition(":")[0].lower() for line in headers}
    if "content-type" not in given:
        lines.append("Content-Type: application/json")
    if not given & {"content-length", "transfer-encoding"}:
        body = body if isinstance(body, bytes) else b"".join(body)
        lines.append(f"Content-Length: {len(body)}")
    head = INGEST + "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"
    return exchange(port, [head, body] if isinstance(body, bytes) else [head, *body])


def exchange(port: int, pieces: Iterable[bytes]) -> Answer:
    """Send bytes, say that there are no more, and return what came back."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            # A server may refuse and close before it has read all; its answer is still to be read.
            if error.errno not in _CLOSED:
                raise
        return _parse(_receive_all(connection))


def _receive_all(connection: socket.socket) -> bytes:
    received = bytearray()
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return bytes(received)


def _parse(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head else None
    return Answer(status, body)
