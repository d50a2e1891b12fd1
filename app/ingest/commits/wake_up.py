"""Waking the committer: by a named pipe of the server that the committer's process belongs to.

Who waits for a commit, or acknowledges an upload, writes a byte to the pipe, so that the committer
needn't ask the database so often while nothing is pending. A byte is lost when no committer
listens. Then the next one asks the database when it starts.
"""

import logging
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Final

_READ_BYTES: Final = 65_536
"""As many as a pipe holds."""

log = logging.getLogger(__name__)


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
    def is_listening(self) -> bool:
        """Whether what is sent ends the next `wait`."""
        return self._pipe is not None

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
        """Keep the pipe open in the block, so that what is sent ends the next `wait`.

        Without a pipe, or when it can't be made, nothing is heard.
        """
        if self._path:
            try:
                self._pipe = _open_to_read(self._path)
            except OSError as error:
                log.warning("the committer can't be woken, so it asks more often: %s", error)
        try:
            yield
        finally:
            if self._pipe is not None:
                os.close(self._pipe)
                self._pipe = None

    def wait(self, stop: Event, timeout_s: float) -> None:
        """Return after a time, or when the committer is woken.

        Args:
            stop: Ends the wait too, if no pipe is open.
            timeout_s: The time.
        """
        if self._pipe is None:
            stop.wait(timeout_s)
            return
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        if poll.poll(1000 * timeout_s):
            os.read(self._pipe, _READ_BYTES)


def _open_to_read(path: Path) -> int:
    with suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    # For writing too, or it would end when the first one who writes closes it.
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
