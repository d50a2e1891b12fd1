"""How fast a client reads an answer that is larger than what the machines buffer."""

import logging
from asyncio import AbstractEventLoop, TimerHandle, WriteTransport
from fcntl import ioctl
from struct import Struct
from termios import TIOCOUTQ
from typing import Final, Protocol

from app.settings import Settings

_INT: Final = Struct("i")

log = logging.getLogger(__name__)


class Sending(Protocol):
    """A connection that an answer is sent on.

    Attributes:
        loop: The event loop of the connection.
        transport: Has what isn't given to the machine yet.
    """

    loop: AbstractEventLoop
    transport: WriteTransport

    def fileno(self) -> int:
        """Return the file descriptor of the connection."""

    def cut_off(self) -> None:
        """End the connection at once."""


class ReadingPace:
    """Cuts off a client that reads less than `min_send_bytes_per_s` while an answer waits for it.

    It is looked at every `idle_timeout_s`.
    """

    def __init__(self, connection: Sending, settings: Settings) -> None:
        """Prepare to watch a connection.

        Args:
            connection: The connection.
            settings: The settings.
        """
        self._connection = connection
        self._settings = settings
        self._deadline: TimerHandle | None = None

    def watch(self) -> None:
        """Begin to watch, since an answer waits for the client."""
        self._deadline = self._connection.loop.call_later(
            self._settings.idle_timeout_s, self._judge, self._unread_bytes
        )

    def stop(self) -> None:
        """Stop watching, since nothing waits for the client any more."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _judge(self, unread_bytes: int) -> None:
        """Cut off a client that has read too little since so many bytes were unread."""
        bytes_per_s = (unread_bytes - self._unread_bytes) / self._settings.idle_timeout_s
        if bytes_per_s > 0 and bytes_per_s >= self._settings.min_send_bytes_per_s:
            self.watch()
        else:
            log.info("cut off a client that read %.0f bytes/s", bytes_per_s)
            self._connection.cut_off()

    @property
    def _unread_bytes(self) -> int:
        """Bytes that were sent and that the client's machine hasn't acknowledged."""
        fileno = self._connection.fileno()
        (queued_bytes,) = _INT.unpack(ioctl(fileno, TIOCOUTQ, bytes(_INT.size)))
        return self._connection.transport.get_write_buffer_size() + int(queued_bytes)
