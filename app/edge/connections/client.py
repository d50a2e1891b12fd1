"""The client's end of a connection."""

from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl


class Connection(Protocol):
    """What a client's end needs of its connection; `connections.protocol` has the real one.

    Attributes:
        flow: Holds up what is sent while the client doesn't read.
        is_in_body: Whether the head of a request has come, and not yet all of its body.
    """

    flow: FlowControl
    is_in_body: bool

    def fileno(self) -> int:
        """Return the file descriptor of the connection; -1 when it is closed."""

    def cut_off(self) -> None:
        """End the connection at once; what was sent and not read yet is lost."""


class ClientConnection:
    """The client's end of a connection, as far as requests may know it.

    Attributes:
        has_left: Whether the client has closed the connection or its sending side, or sends what
            is no HTTP.
        is_gone: Whether the connection is closed.
    """

    def __init__(self, connection: Connection) -> None:
        self.has_left = False
        self.is_gone = False
        self._connection = connection

    @property
    def is_sending_body(self) -> bool:
        """Whether the body of a request on this connection is still to come."""
        return self._connection.is_in_body

    def fileno(self) -> int:
        """Return the file descriptor of the connection, to wait for its end with `poll`."""
        return self._connection.fileno()

    async def wait_until_read(self) -> None:
        """Wait until the client has read most of what was sent, or the connection is closed."""
        await self._connection.flow.drain()

    def cut_off(self) -> None:
        """End the connection at once; what was sent and not read yet is lost."""
        self._connection.cut_off()
