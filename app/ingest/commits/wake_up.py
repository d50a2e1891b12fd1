"""Waking the committer: by a named pipe of the server that the committer's process belongs to.

Whoever waits for a commit writes a byte to the pipe, so that the committer needn't ask the database
so often while nothing is pending. A byte is lost when no committer listens. Then the next one asks
the database when it starts.
"""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Final

_READ_BYTES: Final = 65_536
"""As many as a pipe holds."""


class WakeUp:
    """Wakes the committer of this server."""

    def __init__(self, path: Path | None) -> None:
        """Prepare; nothing is opened yet.

        Args:
            path: Where the pipe is made, for this server alone; None to have none.
        """
        self._path = path
        self._pipe: int | None = None

    @property
    def is_possible(self) -> bool:
        """Whether there is a pipe."""
        return self._path is not None

    def send(self) -> None:
        """Wake the committer, if there is a pipe and somebody listens to it; never wait."""
        if self._path is None:
            return
        # An error says that nobody listens, or that the pipe is full, so that it wakes anyway.
        with suppress(OSError):
            pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(pipe, b"\0")
            finally:
                os.close(pipe)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep the pipe open, so that what is sent within the block ends the next `wait`."""
        if self._path is None:
            yield
            return
        with suppress(FileExistsError):
            os.mkfifo(self._path, 0o600)
        # For writing too, or it would end when the first one who writes closes it.
        self._pipe = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield
        finally:
            os.close(self._pipe)
            self._pipe = None

    def wait(self, stop: Event, timeout_s: float) -> None:
        """Return after a time, or when the committer is woken.

        Args:
            stop: Ends the wait too, if there is no pipe.
            timeout_s: The time.
        """
        if self._pipe is None:
            stop.wait(timeout_s)
            return
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        if poll.poll(1000 * timeout_s):
            os.read(self._pipe, _READ_BYTES)
