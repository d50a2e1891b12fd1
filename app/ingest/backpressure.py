"""Backpressure: refusing submissions while the journal holds as much as it may."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Final

from app.ingest.errors import JournalFull
from app.ingest.journal import Journal

_MEASURED_EVERY_S: Final = 1.0
"""How old a measure of the journal may be; what comes meanwhile is little beside the limit."""


class Backpressure:
    """Tells whether the journal takes more; it is measured once in a while, not for each caller."""

    def __init__(
        self, journal: Journal, max_bytes: int, clock: Callable[[], float] = monotonic
    ) -> None:
        """Refuse while `max_bytes` or more of payload wait to be committed."""
        self._journal = journal
        self._max_bytes = max_bytes
        self._clock = clock
        self._measuring = Lock()
        self._due = clock()
        self._waiting_bytes = 0

    def check(self) -> None:
        """Let a submission through.

        Raises:
            JournalFull: The journal is full.
            SQLAlchemyError: It can't be measured.
        """
        if self._clock() >= self._due and self._measuring.acquire(blocking=False):
            try:
                self._waiting_bytes = self._journal.backlog().payload_bytes
                self._due = self._clock() + _MEASURED_EVERY_S
            finally:
                self._measuring.release()
        if self._waiting_bytes >= self._max_bytes:
            raise JournalFull(self._waiting_bytes, self._max_bytes)
