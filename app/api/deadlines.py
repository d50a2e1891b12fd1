"""Deadlines for the arrival of bodies: gunicorn's threads wait for a slow client without limit.

A timeout of the socket would start anew with every byte. So a thread in each process looks for
connections past their deadline and closes their reading side, which ends the read that waits there.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import SHUT_RD, socket
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Final

from catalog.errors import LakeError

_WATCH_S: Final = 0.5


class BodyTimeout(LakeError):
    """The body of a request didn't arrive in time.

    Attributes:
        timeout_s: The time that the client had, in seconds.
    """

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"the body didn't come within {timeout_s:g} s")
        self.timeout_s = timeout_s


@dataclass(slots=True, eq=False)
class Deadline:
    """The deadline of one body.

    Attributes:
        at: When the body must have arrived, in `monotonic`'s time.
        is_missed: Whether the body hadn't arrived by then.
    """

    at: float
    is_missed: bool = False


class Deadlines:
    """The deadlines of all bodies that are being read, by connection."""

    def __init__(self) -> None:
        self._deadlines: dict[socket, Deadline] = {}
        # Held while a deadline is removed or enforced, so that a late watch can't end the next
        # read on the same connection.
        self._ending = Lock()
        self._starting = Lock()
        self._watch: Thread | None = None

    def __len__(self) -> int:
        """Return the number of bodies that are being read."""
        return len(self._deadlines)

    @contextmanager
    def within(self, connection: socket | None, timeout_s: float) -> Iterator[Deadline | None]:
        """Let the block read a body from a connection, up to a deadline.

        Args:
            connection: The client's connection. None means that there is no real one, as in tests,
                and no deadline.
            timeout_s: The time from now until the deadline, in seconds.

        Yields:
            The deadline.

        Raises:
            BodyTimeout: The deadline was missed, whether the block failed or not.
        """
        if connection is None:
            yield None
            return
        deadline = self._deadlines[connection] = Deadline(monotonic() + timeout_s)
        if self._watch is None:
            self._start()
        try:
            yield deadline
        except BlockingIOError as error:
            # The kernel's own limit, for a client that sends nothing at all: `idle_timeout_s`.
            raise BodyTimeout(timeout_s) from error
        finally:
            with self._ending:
                del self._deadlines[connection]
            if deadline.is_missed:
                raise BodyTimeout(timeout_s)

    def enforce(self, connection: socket, deadline: Deadline) -> None:
        """End the read on a connection, unless the deadline is that of an earlier read."""
        with self._ending:
            if self._deadlines.get(connection) is deadline:
                deadline.is_missed = True
                with suppress(OSError):
                    connection.shutdown(SHUT_RD)

    def _start(self) -> None:
        # Started with the first body and not before: threads don't survive the fork of a worker.
        with self._starting:
            if self._watch is None:
                self._watch = Thread(target=self._keep_watch, name="deadlines", daemon=True)
                self._watch.start()

    def _keep_watch(self) -> None:
        while True:
            sleep(_WATCH_S)
            now = monotonic()
            for connection, deadline in list(self._deadlines.items()):
                if deadline.at < now:
                    self.enforce(connection, deadline)
