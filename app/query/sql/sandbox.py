"""The service's end of the sandbox: starts the template, and runs each query in a fork of it."""

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from socket import AF_UNIX, SHUT_WR, SOCK_SEQPACKET, send_fds, socket, socketpair
from threading import Lock
from time import monotonic
from typing import Final

import msgspec

from app.query.sql.errors import SqlAbandoned, SqlCrashed, SqlTimeout
from sandbox.protocol import (
    LAUNCH,
    PREFIX_BYTES,
    Ending,
    Outcome,
    Task,
    decode,
    length_of,
    send_task,
)

_ROOT: Final = Path(__file__).parents[3]
_ENVIRONMENT: Final = {
    "LC_ALL": "C.UTF-8",
    # Memory that is only reserved would count as used, and threads don't survive a fork.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MALLOC_ARENA_MAX": "2",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""All that a query's process could find in its environment."""
_PIECE_BYTES: Final = 256 * 1024
_MAX_OUTCOME_BYTES: Final = 64 * 1024
_ENDING_BYTES: Final = 4096
_END_S: Final = 2.0
"""How long a process may take to end by itself, or to be killed."""


class Sandbox:
    """Runs queries in processes of their own, each thrown away after one query.

    A worker has one template, which is started with the first query, and anew when it is gone.
    """

    def __init__(self) -> None:
        self._control: socket | None = None
        self._starting = Lock()

    def run(
        self, task: Task, slot: int, timeout_s: float, client: socket | None
    ) -> tuple[Outcome, bytearray]:
        """Run a query, and return what became of it, and its rows in Arrow's stream format.

        When this returns or raises, its process is gone.

        Args:
            task: The query.
            slot: A descriptor that its process is to hold for as long as it lives.
            timeout_s: How long it may take from now, in seconds.
            client: The connection of who waits for it, if known: when they leave, it ends.

        Raises:
            SqlTimeout: It took longer.
            SqlAbandoned: The client left.
            SqlCrashed: Its process ended without an outcome.
        """
        with self._launched(slot) as (connection, lifeline):
            channel = _Channel(connection, timeout_s, client)
            try:
                channel.send(task)
                return channel.receive_outcome(2 * task.limits.max_bytes)
            except (EOFError, OSError, msgspec.DecodeError) as error:
                raise SqlCrashed(_exit_code(lifeline)) from error
            finally:
                _end(lifeline)

    def close(self) -> None:
        """End the template, and with it what it has started."""
        with self._starting:
            if self._control is not None:
                self._control.close()
                self._control = None

    @contextmanager
    def _launched(self, slot: int) -> Iterator[tuple[socket, socket]]:
        """Start a query's process; yield the connection to it, and its lifeline."""
        ours, theirs = socketpair()
        lifeline, their_lifeline = socketpair()
        with closing(ours), closing(lifeline):
            with closing(theirs), closing(their_lifeline):
                self._ask([theirs.fileno(), their_lifeline.fileno(), slot])
            yield ours, lifeline

    def _ask(self, descriptors: list[int]) -> None:
        with self._starting:
            if self._control is not None:
                with suppress(OSError):  # the template is gone
                    send_fds(self._control, [LAUNCH], descriptors)
                    return
                self._control.close()
            self._control = _start_template()
            send_fds(self._control, [LAUNCH], descriptors)


def _start_template() -> socket:
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
    with closing(theirs):
        # It ends when its socket is closed, which it is when this process ends in any way.
        subprocess.Popen(  # noqa: S603  # our own interpreter and package
            [sys.executable, "-s", "-E", "-m", "sandbox", str(theirs.fileno())],
            cwd=_ROOT,
            env=_ENVIRONMENT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0,
        )
    return ours


class _Channel:
    """The connection to a query's process, until a deadline and while its client waits."""

    def __init__(self, connection: socket, timeout_s: float, client: socket | None) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._deadline = monotonic() + timeout_s
        self._client = client
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        if client is not None:
            self._poll.register(client, select.POLLRDHUP)

    def send(self, task: Task) -> None:
        """Send the task.

        Raises:
            SqlTimeout: The process didn't take it.
        """
        self._connection.settimeout(self._timeout_s)
        try:
            send_task(self._connection, task)
        except TimeoutError as error:
            raise SqlTimeout(self._timeout_s) from error

    def receive_outcome(self, max_bytes: int) -> tuple[Outcome, bytearray]:
        """Return the outcome and the rows.

        Raises:
            EOFError: The process ended before, or has more to say than it should.
            msgspec.DecodeError: What it says is no outcome.
            SqlTimeout: The deadline has come.
            SqlAbandoned: The client left.
        """
        length = length_of(bytes(self._exactly(PREFIX_BYTES, PREFIX_BYTES)))
        outcome: Outcome = decode(bytes(self._exactly(length, _MAX_OUTCOME_BYTES)), Outcome)
        return outcome, self._exactly(outcome.size_bytes, max_bytes)

    def _exactly(self, size_bytes: int, max_bytes: int) -> bytearray:
        if size_bytes > max_bytes:
            raise EOFError
        data = bytearray()
        while len(data) < size_bytes:
            self._wait()
            piece = self._connection.recv(min(_PIECE_BYTES, size_bytes - len(data)))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _wait(self) -> None:
        """Return when there is something to receive, or its end."""
        left_s = self._deadline - monotonic()
        events = dict(self._poll.poll(max(left_s, 0) * 1000))
        if not events:
            raise SqlTimeout(self._timeout_s)
        if self._client is not None and self._client.fileno() in events:
            raise SqlAbandoned


def _exit_code(lifeline: socket) -> int | None:
    """Return the exit code of a process that ends by itself; None when it isn't told."""
    lifeline.settimeout(_END_S)
    with suppress(OSError, msgspec.DecodeError):
        ending: Ending = decode(lifeline.recv(_ENDING_BYTES), Ending)
        return ending.exit_code
    return None


def _end(lifeline: socket) -> None:
    """Have a process killed, and return when it is gone."""
    lifeline.settimeout(_END_S)
    with suppress(OSError):  # the template is gone, and its processes with it
        lifeline.shutdown(SHUT_WR)
        while lifeline.recv(_ENDING_BYTES):
            pass
