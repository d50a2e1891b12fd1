"""Closing connections so that no client loses an answer, even if it is still sending."""

from collections.abc import Callable
from typing import Any


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
