"""The room that the journal has: submissions are refused while too much waits to be committed."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Final

from app.ingest.errors import JournalFull

MEASURED_EVERY_S: Final = 1.0
"""How old a measure of the journal may be; what comes meanwhile is little beside the limit."""


class Room:
    """Tells whether the journal has room, by a measure that is taken about once a second."""

    def __init__(
        self,
        measure: Callable[[], int],
        max_bytes: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Measure nothing yet.

        Args:
            measure: Returns how many bytes wait to be committed.
            max_bytes: How many may.
            clock: Returns the time, in seconds.
        """
        self._measure = measure
        self._max_bytes = max_bytes
        self._clock = clock
        self._measuring = Lock()
        self._due = clock()
        self._waiting_bytes = 0

    def check(self) -> None:
        """Return if there is room.

        Raises:
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: The journal can't be measured; the next caller tries again.
        """
        if self._clock() >= self._due and self._measuring.acquire(blocking=False):
            try:
                self._waiting_bytes = self._measure()
                self._due = self._clock() + MEASURED_EVERY_S
            finally:
                self._measuring.release()
        if self._waiting_bytes >= self._max_bytes:
            raise JournalFull(self._waiting_bytes, self._max_bytes)
