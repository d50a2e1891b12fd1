"""Requests and their answers on a connection, as uvicorn's protocol has them."""

from collections.abc import Awaitable, Callable
from sys import maxsize
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

WHOLE_ANSWER: Final = "chatlake.whole_answer"
"""Type of a message that isn't ASGI's: an answer with its status, its head as bytes, and its body.

The request has been read, and its method isn't HEAD. The head is lines that the service made, one
of which is the length. uvicorn checks and copies each header of ASGI's messages, which took a sixth
of the event loop's time for submissions.
"""
CLOSE: Final = b"connection: close\r\n"

Application = Callable[[Any, Any, Any], Awaitable[None]]
"""An application of ASGI 3."""


_last_lines: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")
"""Headers, and their lines."""


def _lines_of(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the lines of headers that uvicorn makes anew once a second, for the date."""
    global _last_lines  # noqa: PLW0603  # all answers of a process have the same
    known, lines = _last_lines
    if known is not headers:
        lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        _last_lines = headers, lines
    return lines


class Cycle(RequestResponseCycle):
    """A request, whose answer comes in ASGI's messages or whole."""

    async def send(self, message: Any) -> None:
        """Send the head or a part of an answer, or all of it."""
        if message["type"] != WHOLE_ANSWER:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        self.answer(message["status"], message["head"], message["body"])

    def answer(self, status: int, head: bytes, body: bytes) -> None:
        """Send a whole answer, as `WHOLE_ANSWER` has it, if the client is still there."""
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        self.transport.write(
            b"".join(
                (
                    STATUS_LINE[status],
                    _lines_of(self.default_headers),
                    head,
                    b"" if self.keep_alive else CLOSE,
                    b"\r\n",
                    body,
                )
            )
        )
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class CycleWithoutChunks(Cycle):
    """A request in HTTP/1.0, which has no chunks: an answer of unknown length ends the connection.

    uvicorn's class would send chunks.
    """

    has_length: bool

    async def send(self, message: Any) -> None:
        """Send the head or a part of an answer, or all of it."""
        if message["type"] == "http.response.start":
            self.has_length = any(name == b"content-length" for name, _ in message["headers"])
            if not self.has_length:
                self.chunked_encoding, self.expected_content_length = False, maxsize
        elif message["type"] == "http.response.body" and not (
            self.has_length or message.get("more_body")
        ):
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)
