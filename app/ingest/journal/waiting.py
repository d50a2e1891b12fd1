"""Waiting until an acknowledged contribution is in the lake."""

from collections.abc import Callable
from threading import Lock
from time import monotonic, sleep

from app.ingest.journal.journal import Acknowledged, Journal
from catalog.errors import LakeError
from catalog.snapshots import Snapshot

_POLL_S = 0.05


class TooManyWaiting(LakeError):
    """As many requests as the setting `max_waiting` allows already wait for their commit."""


class CommitWaiter:
    """Lets requests wait for their commit; their number is bounded, since each occupies a thread.

    Attributes:
        waiting: How many requests wait now.
    """

    def __init__(
        self,
        journal: Journal,
        max_waiting: int,
        wake_committer: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to wait.

        Args:
            journal: The journal.
            max_waiting: How many requests may wait at once.
            wake_committer: Called when a request begins to wait; it returns at once.
        """
        self.waiting = 0
        self._wake_committer = wake_committer
        self._journal = journal
        self._max_waiting = max_waiting
        self._counting = Lock()

    def wait(self, receipt: Acknowledged, timeout_s: float) -> Snapshot | None:
        """Return the snapshot that holds a journal entry, or None when time runs out first.

        Raises:
            TooManyWaiting: As many requests wait already as are allowed to.
        """
        with self._counting:
            if self.waiting >= self._max_waiting:
                raise TooManyWaiting
            self.waiting += 1
        self._wake_committer()
        try:
            return self._poll(receipt, monotonic() + timeout_s)
        finally:
            with self._counting:
                self.waiting -= 1

    def _poll(self, receipt: Acknowledged, deadline: float) -> Snapshot | None:
        while (snapshot := self._journal.snapshot_of(receipt)) is None:
            if monotonic() >= deadline:
                return None
            sleep(_POLL_S)
        return snapshot
