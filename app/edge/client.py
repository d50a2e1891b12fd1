"""The client's end of a connection."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.edge.protocol import Protocol


class ClientConnection:
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

    @property
    def is_sending_body(self) -> bool:
        """Whether the body of a request on this connection is still to come."""
        return self._protocol.is_in_body

    def fileno(self) -> int:
        """Return the file descriptor of the connection, to wait for its end with `poll`."""
        return self._protocol.fileno()

    async def wait_until_read(self) -> None:
        """Return when the client has read most of what was sent, or the connection is closed."""
        await self._protocol.flow.drain()

    def cut_off(self) -> None:
        """End the connection at once; what was sent and not read yet is lost."""
        self._protocol.cut_off()
