"""Group commit: what comes while one transaction is being synced shares the next one."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
AnyFuture = Future[Result] | asyncio.Future[Result]
Outcome = tuple[AnyFuture[Result], Result | BaseException]

_STOP_TIMEOUT_S: Final = 60.0


class GroupCommit(Generic[Item, Result]):
    """Hands the items of concurrent callers to one write at a time, in a thread of its own.

    A write costs about the same for one item as for many. While one is under way here or in another
    process, items gather for the next. The thread is started by the first item, which is after the
    fork of a worker.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[Result]],
        lock: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Prepare to write.

        Args:
            write: Writes a group of items, and returns the result of each, in their order.
            lock: Returns the lock between processes that is held while a group is taken and
                written, so that what comes while it is waited for belongs to the group.
        """
        self._write = write
        self._lock = lock
        # None comes last.
        self._gathered: SimpleQueue[tuple[Item, AnyFuture[Result]] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._is_closed = False
        self._adding = Lock()

    def submit(self, item: Item) -> Result:
        """Return the item's result once its group is written.

        Raises:
            BaseException: The write of the group raised it; none of its items is written then.
            RuntimeError: Writing has been closed.
        """
        future: Future[Result] = Future()
        self._add(item, future)
        return future.result()

    async def submit_async(self, item: Item) -> Result:
        """Do what `submit` does, without holding up the event loop."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._add(item, future)
        return await future

    def close(self) -> None:
        """Write what was submitted, and end the thread."""
        with self._adding:
            self._is_closed = True
            self._gathered.put(None)
            thread = self._thread
        if thread:
            thread.join(_STOP_TIMEOUT_S)

    def _add(self, item: Item, future: AnyFuture[Result]) -> None:
        with self._adding:
            if self._is_closed:
                raise RuntimeError("nothing is written any more")
            self._gathered.put((item, future))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="group commit", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while first := self._gathered.get():
            _deliver(self._write_group([first]))

    def _take(self) -> list[tuple[Item, AnyFuture[Result]]]:
        """Return what has gathered."""
        group: list[tuple[Item, AnyFuture[Result]]] = []
        with suppress(Empty):
            while more := self._gathered.get_nowait():
                group.append(more)
            # That was the end, which `_run` has to see.
            self._gathered.put(None)
        return group

    def _write_group(self, group: list[tuple[Item, AnyFuture[Result]]]) -> list[Outcome[Result]]:
        """Write a group and all that gathers before it is its turn; return the outcomes."""
        try:
            with self._lock():
                group += self._take()
                results = self._write([item for item, _ in group])
            return [(future, result) for (_, future), result in zip(group, results, strict=True)]
        except BaseException as error:  # noqa: BLE001  # each caller raises it
            return [(future, error) for _, future in group]


def _deliver(outcomes: Sequence[Outcome[Result]]) -> None:
    """Give callers their results: those of an event loop together, since waking it costs most."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[Outcome[Result]]] = defaultdict(list)
    for future, outcome in outcomes:
        if isinstance(future, asyncio.Future):
            by_loop[future.get_loop()].append((future, outcome))
        else:
            _settle(future, outcome)
    for loop, some in by_loop.items():
        # A loop that was closed meanwhile has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_all, some)


def _settle_all(outcomes: Sequence[Outcome[Result]]) -> None:
    for future, outcome in outcomes:
        if not future.cancelled():
            _settle(future, outcome)


def _settle(
    future: Future[Result] | asyncio.Future[Result], outcome: Result | BaseException
) -> None:
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
