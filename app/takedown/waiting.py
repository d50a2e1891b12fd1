"""Waiting in a step of erasing, until what it waits for has come or the process is to end."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event
from typing import Final

from app.state.locks import Lock
from app.takedown.errors import TakedownStopped

POLL_S: Final = 0.2


class Waiting:
    """Waits on behalf of all steps.

    Attributes:
        stop: Ends every wait once it is set.
    """

    def __init__(self) -> None:
        self.stop = Event()

    def wait(self, seconds: float) -> None:
        """Return after a time.

        Raises:
            TakedownStopped: The process is to end.
        """
        if self.stop.wait(max(seconds, 0)):
            raise TakedownStopped

    @contextmanager
    def holding(self, lock: Lock) -> Iterator[None]:
        """Wait for a lock, and hold it within the block.

        Raises:
            TakedownStopped: The process is to end.
        """
        with closing(lock):
            while not lock.try_acquire():
                self.wait(POLL_S)
            yield
