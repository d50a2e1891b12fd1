"""Waiting for commits on the event loop: one query tells for all requests that wait."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from catalog.snapshots import Snapshot

_POLL_S: Final = 0.05

log = logging.getLogger(__name__)


class CommitWatch:
    """Tells requests when their journal entries are committed."""

    def __init__(
        self,
        find_snapshots: Callable[[Collection[int]], Mapping[int, Snapshot]],
        max_waiting: int,
    ) -> None:
        """Prepare to watch.

        Args:
            find_snapshots: Returns the snapshots of those of the entries, by id, that are
                committed.
            max_waiting: How many requests may wait at once.
        """
        self._find_snapshots = find_snapshots
        self._max_waiting = max_waiting
        self._waiting: defaultdict[int, list[asyncio.Future[Snapshot]]] = defaultdict(list)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether as many requests wait as may."""
        return sum(map(len, self._waiting.values())) >= self._max_waiting

    async def wait(self, entry_id: int, timeout_s: float) -> Snapshot | None:
        """Return the snapshot that holds an entry; None when it isn't committed in time."""
        future: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._waiting[entry_id].append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            return None
        finally:
            self._forget(entry_id, future)

    def _forget(self, entry_id: int, future: "asyncio.Future[Snapshot]") -> None:
        self._waiting[entry_id].remove(future)
        if not self._waiting[entry_id]:
            del self._waiting[entry_id]

    async def _watch(self) -> None:
        """Look for commits for as long as a request waits."""
        while self._waiting:
            try:
                found = await asyncio.to_thread(self._find_snapshots, list(self._waiting))
            except (SQLAlchemyError, OSError):
                # They go on waiting: what they wait for is durable whatever happens here.
                log.exception("can't tell which contributions are committed")
                found = {}
            for entry_id, snapshot in found.items():
                for future in self._waiting.get(entry_id, ()):
                    if not future.done():
                        future.set_result(snapshot)
            await asyncio.sleep(_POLL_S)
        self._task = None
