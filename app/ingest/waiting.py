"""Waiting until an acknowledged contribution is in the lake."""

from threading import BoundedSemaphore
from time import monotonic, sleep

from app.ingest.journal import Acknowledged, Journal
from catalog.errors import LakeError
from catalog.snapshots import Snapshot

_POLL_S = 0.05


class NoSeat(LakeError):
    """As many requests wait for their commit already as may."""


class WaitingRoom:
    """Lets a bounded number of requests wait for their commit, since each holds a thread."""

    def __init__(self, journal: Journal, seats: int) -> None:
        self._journal = journal
        self._seats = BoundedSemaphore(seats) if seats else None

    def wait(self, receipt: Acknowledged, timeout_s: float) -> Snapshot | None:
        """Return the snapshot that an entry lands in, or None when time ran out.

        Raises:
            NoSeat: As many wait already as may.
        """
        if self._seats is None or not self._seats.acquire(blocking=False):
            raise NoSeat
        try:
            return self._poll(receipt, monotonic() + timeout_s)
        finally:
            self._seats.release()

    def _poll(self, receipt: Acknowledged, deadline: float) -> Snapshot | None:
        while (snapshot := self._journal.snapshot_of(receipt)) is None:
            if monotonic() >= deadline:
                return None
            sleep(_POLL_S)
        return snapshot
