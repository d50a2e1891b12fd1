"""Waiting in a step of erasing, until what it waits for has come or the process is to end."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event
from time import monotonic
from typing import Final

from app.state.locks import Lock
from app.takedown.errors import TakedownStopped

POLL_S: Final = 0.2
_MEANWHILE_S: Final = 2.0
"""Time between two looks at what has come meanwhile."""


class Waiting:
    """Waits on behalf of all steps.

    Attributes:
        stop: Ends every wait once it is set.
        meanwhile: Does what can be done while readers are waited for.
    """

    def __init__(self) -> None:
        self.stop = Event()
        self.meanwhile: Callable[[], None] = lambda: None

    def wait(self, seconds: float) -> None:
        """Return after a time.

        Raises:
            TakedownStopped: The process is to end.
        """
        if self.stop.wait(max(seconds, 0)):
            raise TakedownStopped

    def wait_for_readers(self, until: float) -> None:
        """Return at a time of the monotonic clock, in seconds, or after what is done meanwhile.

        Raises:
            TakedownStopped: The process is to end.
        """
        while (left_s := until - monotonic()) > 0:
            self.wait(min(left_s, _MEANWHILE_S))
            self.meanwhile()

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
