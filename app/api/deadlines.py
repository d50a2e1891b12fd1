"""How long a client may take to send a body: gunicorn's threads wait for as long as it likes.

A timeout of the socket would start anew with every byte. So a watch in each process looks for
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
    """The body didn't come in time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"the body didn't come within {timeout_s:g} s")
        self.timeout_s = timeout_s


@dataclass(slots=True, eq=False)
class _Deadline:
    """Until when a body may come, in `monotonic`'s time, and whether it was too late."""

    at: float
    is_missed: bool = False


class Deadlines:
    """The connections whose bodies are being read, and until when."""

    def __init__(self) -> None:
        self._deadlines: dict[socket, _Deadline] = {}
        # Held to end a read, by itself or by the watch: the next one on a connection is another.
        self._ending = Lock()
        self._starting = Lock()
        self._watch: Thread | None = None

    @contextmanager
    def within(self, connection: socket | None, timeout_s: float) -> Iterator[None]:
        """Let the block read from a connection for so long; None is no real connection.

        Raises:
            BodyTimeout: It took longer, whatever it came to.
        """
        if connection is None:
            yield
            return
        deadline = self._deadlines[connection] = _Deadline(monotonic() + timeout_s)
        if self._watch is None:
            self._start()
        try:
            yield
        except BlockingIOError as error:
            # The kernel's own limit, for a client that sends nothing at all: `idle_timeout_s`.
            raise BodyTimeout(timeout_s) from error
        finally:
            with self._ending:
                del self._deadlines[connection]
            if deadline.is_missed:
                raise BodyTimeout(timeout_s)

    def _start(self) -> None:
        # With the first body and not before: threads don't survive the fork of a worker.
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
                    self._end(connection, deadline)

    def _end(self, connection: socket, deadline: _Deadline) -> None:
        with self._ending:
            if self._deadlines.get(connection) is deadline:
                deadline.is_missed = True
                with suppress(OSError):
                    connection.shutdown(SHUT_RD)
