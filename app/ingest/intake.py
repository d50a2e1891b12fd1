"""Taking submissions in, from the bytes of a body to a receipt, while the journal has room."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Final

from app.ingest.decode import decode, decode_plain, new_contribution_id
from app.ingest.errors import JournalFull
from app.ingest.journal import Journal, Receipt
from app.ingest.strict_json import JsonLimits

MEASURED_EVERY_S: Final = 1.0
"""Time after which the journal is measured again; it grows little in between."""


class Intake:
    """Decodes single submissions and appends them to the journal."""

    def __init__(self, journal: Journal, limits: JsonLimits, backpressure: "Backpressure") -> None:
        self._journal = journal
        self._limits = limits
        self._backpressure = backpressure

    def submit(self, body: bytes, *, is_awaited: bool = False) -> Receipt:
        """Make a submission durable, and return once it is.

        Args:
            body: The JSON text, decompressed.
            is_awaited: Whether the client waits for the commit, which then comes soon.

        Raises:
            MalformedBody: The body is not JSON.
            LimitExceeded: The submission is larger than a limit.
            InvalidSubmission: A field is missing or wrong; the error names each.
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: The journal could not be written; trying again is safe.
        """
        self._backpressure.check()
        contribution = decode(body, self._limits, new_contribution_id())
        return self._journal.append(contribution, is_awaited=is_awaited)

    def submit_plain(self, body: bytes) -> Receipt | None:
        """Make a submission durable if `decode_plain` can read it.

        Returns:
            The receipt, or None when nothing was stored and `submit` is to judge the body.

        Raises:
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: The journal could not be written; trying again is safe.
        """
        self._backpressure.check()
        contribution = decode_plain(body, self._limits, new_contribution_id())
        return self._journal.append(contribution) if contribution else None


class Backpressure:
    """Refuses submissions while the journal is full.

    The journal is measured about once a second, not for each submission.
    """

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
        """Return if the journal has room.

        Raises:
            JournalFull: The journal is full.
            SQLAlchemyError: The journal can't be measured.
        """
        if self._clock() >= self._due and self._measuring.acquire(blocking=False):
            try:
                self._waiting_bytes = self._journal.backlog().payload_bytes
                self._due = self._clock() + MEASURED_EVERY_S
            finally:
                self._measuring.release()
        if self._waiting_bytes >= self._max_bytes:
            raise JournalFull(self._waiting_bytes, self._max_bytes)
