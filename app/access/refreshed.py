"""Values that are kept in memory for a while, so that not every request asks the database."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MAX_AGE_S: Final = 2.0
"""Age up to which keys and gates are used: what an operator changes holds after this time."""


class Refreshed(Generic[T]):
    """A value that is read again when it is needed and too old."""

    def __init__(self, read: Callable[[], T], clock: Callable[[], float] = monotonic) -> None:
        """Read nothing yet.

        Args:
            read: Reads the value; called by one thread at a time.
            clock: Returns a time in seconds that only grows.
        """
        self._read = read
        self._clock = clock
        self._reading = Lock()
        self._kept: tuple[float, T] | None = None

    def peek(self, max_age_s: float = MAX_AGE_S) -> T | None:
        """Return the value if it is in memory and at most `max_age_s` seconds old, else None."""
        kept = self._kept
        if kept is None or self._clock() - kept[0] > max_age_s:
            return None
        return kept[1]

    def forget(self) -> None:
        """Have the next caller read the value, since this process has changed it."""
        self._kept = None

    def get(self, max_age_s: float = MAX_AGE_S) -> T:
        """Return the value, and read it first if it is older than `max_age_s` seconds."""
        value = self.peek(max_age_s)
        if value is not None:
            return value
        with self._reading:
            # Another thread may have read it meanwhile.
            value = self.peek(max_age_s)
            if value is None:
                # The age counts from before the read, which may see a state as old as that.
                began = self._clock()
                value = self._read()
                self._kept = began, value
            return value
