"""How connections end: after their clients, and in place of chunks that HTTP/1.0 doesn't have."""

from collections.abc import Callable
from sys import maxsize
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class LingeringTransport:
    """A transport that is closed only after its client, if the client is still sending.

    Closing it earlier would reset the connection, and the client might lose the end of its answer:
    RFC 9112, section 9.6. What the client still sends is to be discarded.
    """

    def __init__(self, transport: Any, is_sending: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_sending = is_sending
        self._is_lingering = False
        self.write = transport.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Tell whether nothing more may be written."""
        return self._is_lingering or self._transport.is_closing()

    def close(self) -> None:
        """Close the connection once everything was sent."""
        if self._is_sending() and not self.is_closing():
            self._is_lingering = True
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()


class CycleWithoutChunks(RequestResponseCycle):
    """A request in HTTP/1.0, which has no chunks: an answer of unknown length ends the connection.

    uvicorn's class would send chunks.
    """

    has_length: bool

    async def send(self, message: Any) -> None:
        """Send the head or a part of an answer."""
        if message["type"] == "http.response.start":
            self.has_length = any(name == b"content-length" for name, _ in message["headers"])
            if not self.has_length:
                self.chunked_encoding, self.expected_content_length = False, maxsize
        elif not (self.has_length or message.get("more_body")):
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)
