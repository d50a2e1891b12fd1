"""The service's connection to the process of one query."""

import select
from contextlib import suppress
from socket import SHUT_WR, socket
from time import monotonic
from typing import Final

import msgspec

from app.query.sql.errors import SqlAbandoned, SqlNotBegun, SqlTimeout
from sandbox.protocol import (
    BEGUN,
    PREFIX_BYTES,
    Ending,
    Outcome,
    Task,
    decode_message,
    message_length,
    send_task,
)

_PIECE_BYTES: Final = 256 * 1024
_MAX_OUTCOME_BYTES: Final = 64 * 1024
_ENDING_BYTES: Final = 4096
_BEGIN_S: Final = 30.0
"""How long it may take until a query begins. A worker's first one waits for the template, which
imports libraries: a second on a quiet machine."""
_END_S: Final = 5.0
"""How long a process may take to end, by itself or after it was killed."""


class QueryProcess:
    """A process that was started for one query and ends with it."""

    def __init__(
        self, connection: socket, lifeline: socket, timeout_s: float, client: int | None
    ) -> None:
        """Connect to a process, which has its time from when it begins.

        Args:
            connection: The service's end of the socket for the task and its outcome.
            lifeline: The service's end of the lifeline, see `sandbox.protocol`.
            timeout_s: How long the query may take, in seconds.
            client: File descriptor of the client's connection, whose end ends the query, or None.
        """
        self._connection = connection
        self._lifeline = lifeline
        self._timeout_s = timeout_s
        self._deadline = monotonic() + _BEGIN_S
        self._client = client
        self._ending: Ending | None = None
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        if client is not None:
            self._poll.register(client, select.POLLRDHUP)
        lifeline.settimeout(_END_S)

    def begin(self, task: Task) -> None:
        """Send the process its task, and wait until it begins with the query.

        Until then only code of ours has run in it, and its time isn't the query's.

        Raises:
            SqlNotBegun: The process didn't begin in time.
            SqlAbandoned: The client left.
            EOFError: The process ended before it began.
            OSError: The process is gone.
        """
        self._connection.settimeout(_BEGIN_S)
        try:
            send_task(self._connection, task)
            self.wait_for_begin()
        except (TimeoutError, SqlTimeout) as error:
            raise SqlNotBegun(_BEGIN_S) from error

    def wait_for_begin(self) -> None:
        """Wait until the process says that it begins; it has its time from then on."""
        if bytes(self._exactly(len(BEGUN), len(BEGUN))) != BEGUN:
            raise EOFError
        self._deadline = monotonic() + self._timeout_s

    def receive(self, max_bytes: int) -> tuple[Outcome, bytearray]:
        """Return the outcome, and up to `max_bytes` of rows in Arrow's stream format.

        Raises:
            EOFError: The process ended early, or announced more bytes than it may send.
            OSError: The connection to the process failed.
            msgspec.DecodeError: The process sent something that is no outcome.
            SqlTimeout: The deadline passed.
            SqlAbandoned: The client left.
        """
        length = message_length(bytes(self._exactly(PREFIX_BYTES, PREFIX_BYTES)))
        outcome: Outcome = decode_message(bytes(self._exactly(length, _MAX_OUTCOME_BYTES)), Outcome)
        return outcome, self._exactly(outcome.size_bytes, max_bytes)

    def wait(self) -> Ending | None:
        """Wait for the process to end, and return how it ended; None if the template is silent."""
        if self._ending is None:
            with suppress(OSError, msgspec.DecodeError):
                self._ending = decode_message(self._lifeline.recv(_ENDING_BYTES), Ending)
        return self._ending

    def kill(self) -> Ending | None:
        """Kill the process if it still runs, and return how it ended; None as with `wait`."""
        with suppress(OSError):  # the template is gone, and its processes with it
            self._lifeline.shutdown(SHUT_WR)
        return self.wait()

    def _exactly(self, size_bytes: int, max_bytes: int) -> bytearray:
        if size_bytes > max_bytes:
            raise EOFError
        data = bytearray()
        while len(data) < size_bytes:
            self._wait_for_more()
            piece = self._connection.recv(min(_PIECE_BYTES, size_bytes - len(data)))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _wait_for_more(self) -> None:
        left_s = self._deadline - monotonic()
        events = dict(self._poll.poll(max(left_s, 0) * 1000))
        if not events:
            raise SqlTimeout(self._timeout_s)
        if self._client in events:
            raise SqlAbandoned
