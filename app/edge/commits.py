"""Waiting for commits on the event loop: one query tells for all requests that wait."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextvars import Context
from typing import Final

from app.ingest.journal.journal import Acknowledged
from catalog.snapshots import Snapshot

_POLL_S: Final = 0.05
_LEAST_WAIT_S: Final = 2 * _POLL_S
"""The shortest wait, in which there is a look: a repeated submission may be committed already."""

log = logging.getLogger(__name__)


class CommitWatch:
    """Tells requests when their journal entries are committed."""

    def __init__(
        self,
        find_snapshots: Callable[[Collection[int]], Mapping[int, Snapshot]],
        max_waiting: int,
        find_committed: Callable[[Acknowledged], Snapshot | None] = lambda _: None,
        wake_committer: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to watch.

        Args:
            find_snapshots: Returns the snapshots of those of the entries, by id, that are
                committed.
            max_waiting: How many requests may wait at once.
            find_committed: Returns the snapshot of what was committed long ago.
            wake_committer: Called when a request begins to wait; it returns at once.
        """
        self._wake_committer = wake_committer
        self._find_committed = find_committed
        self._find_snapshots = find_snapshots
        self._max_waiting = max_waiting
        self._futures: defaultdict[int, list[asyncio.Future[Snapshot]]] = defaultdict(list)
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether no further request may wait."""
        return self._waiting >= self._max_waiting

    async def find(self, receipt: Acknowledged) -> Snapshot | None:
        """Return the snapshot of what was committed long ago; None if that can't be told."""
        try:
            return await asyncio.to_thread(self._find_committed, receipt)
        except Exception:
            log.exception("can't tell which snapshot has a contribution")
            return None

    async def wait(self, entry_id: int, timeout_s: float) -> Snapshot | None:
        """Return the snapshot that holds an entry; None when it isn't committed in time."""
        future: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._futures[entry_id].append(future)
        self._waiting += 1
        self._wake_committer()
        if self._task is None:
            # In a context of its own, since it works for other requests too.
            self._task = asyncio.create_task(self._watch(), context=Context())
        try:
            async with asyncio.timeout(max(timeout_s, _LEAST_WAIT_S)):
                return await future
        except TimeoutError:
            return None
        finally:
            self._waiting -= 1
            self._futures[entry_id].remove(future)
            if not self._futures[entry_id]:
                del self._futures[entry_id]

    async def _watch(self) -> None:
        """Look for commits for as long as a request waits."""
        while self._futures:
            try:
                found = await asyncio.to_thread(self._find_snapshots, list(self._futures))
            except Exception:
                # They go on waiting: what they wait for is durable whatever happens here.
                log.exception("can't tell which contributions are committed")
                found = {}
            for entry_id, snapshot in found.items():
                for future in self._futures.get(entry_id, ()):
                    if not future.done():
                        future.set_result(snapshot)
            await asyncio.sleep(_POLL_S)
        self._task = None
