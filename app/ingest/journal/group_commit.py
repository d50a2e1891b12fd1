"""Group commit: what comes while one transaction is being synced shares the next one."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Final, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Settle = Callable[[Result | BaseException], None]
"""Takes the result of an item, or the error for which it wasn't written."""

_STOP_TIMEOUT_S: Final = 60.0

log = logging.getLogger(__name__)


class _Caller(NamedTuple, Generic[Item, Result]):
    """An item, and who is told of its result: in an event loop, or in the writing thread."""

    item: Item
    settle: Settle[Result]
    loop: asyncio.AbstractEventLoop | None


_Outcome = tuple[_Caller[Item, Result], Result | BaseException]


class GroupCommit(Generic[Item, Result]):
    """Hands the items of concurrent callers to one write at a time, in a thread of its own.

    A write costs about the same for one item as for many. While one is under way here or in another
    process, items gather for the next. The thread is started by the first item, which is after the
    fork of a worker.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[Result | BaseException]],
        lock: Callable[[], AbstractContextManager[None]] = nullcontext,
        prepare: Callable[[Sequence[Item]], None] = lambda _: None,
    ) -> None:
        """Prepare to write.

        Args:
            write: Writes a group of items, and returns the result of each, in their order; an
                error for an item that it didn't write.
            lock: Returns the lock between processes that is held while a group is taken and
                written, so that what comes while it is waited for belongs to the group.
            prepare: Called with each item before it is written: without the lock for those that
                came before it was waited for, and with it for those that came meanwhile.
        """
        self._write = write
        self._lock = lock
        self._prepare = prepare
        # None comes last.
        self._gathered: SimpleQueue[_Caller[Item, Result] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._is_closed = False
        self._adding = Lock()

    def submit(self, item: Item) -> Result:
        """Return the item's result once its group is written.

        Raises:
            BaseException: The write of the group raised it, and none of its items is written; or
                it is the error of this item alone.
            RuntimeError: Writing has been closed.
        """
        future: Future[Result] = Future()
        self.add(item, partial(_settle, future))
        return future.result()

    async def submit_async(self, item: Item) -> Result:
        """Do what `submit` does, without holding up the event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self.add(item, partial(_settle, future), loop)
        return await future

    def add(
        self, item: Item, settle: Settle[Result], loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        """Have an item written, and return before it is.

        Args:
            item: The item.
            settle: Called with the item's result, or with the error for which it or its group
                wasn't written.
            loop: The event loop that calls `settle`; None for the thread that writes.

        Raises:
            RuntimeError: Writing has been closed.
        """
        with self._adding:
            if self._is_closed:
                raise RuntimeError("nothing is written any more")
            self._gathered.put(_Caller(item, settle, loop))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="group commit", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Write what was submitted, and end the thread."""
        with self._adding:
            self._is_closed = True
            self._gathered.put(None)
            thread = self._thread
        if thread:
            thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        while first := self._gathered.get():
            _tell(self._write_group([first]))

    def _take(self) -> list[_Caller[Item, Result]]:
        """Return what has gathered."""
        group: list[_Caller[Item, Result]] = []
        with suppress(Empty):
            while more := self._gathered.get_nowait():
                group.append(more)
            # That was the end, which `_run` has to see.
            self._gathered.put(None)
        return group

    def _write_group(self, group: list[_Caller[Item, Result]]) -> list[_Outcome[Item, Result]]:
        """Write a group and all that gathers before it is its turn; return the outcomes."""
        try:
            group += self._take()
            self._prepare([caller.item for caller in group])
            with self._lock():
                if late := self._take():
                    self._prepare([caller.item for caller in late])
                    group += late
                results = self._write([caller.item for caller in group])
            return list(zip(group, results, strict=True))
        except BaseException as error:  # noqa: BLE001  # each caller is told of it
            return [(caller, error) for caller in group]


def _tell(outcomes: Sequence[_Outcome[Item, Result]]) -> None:
    """Tell callers of their results: those of a loop together, since waking it costs most."""
    by_loop: defaultdict[asyncio.AbstractEventLoop | None, list[_Outcome[Item, Result]]]
    by_loop = defaultdict(list)
    for outcome in outcomes:
        by_loop[outcome[0].loop].append(outcome)
    for loop, some in by_loop.items():
        if loop is None:
            _settle_all(some)
        else:
            # A loop that was closed meanwhile has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle_all, some)


def _settle_all(outcomes: Sequence[_Outcome[Item, Result]]) -> None:
    for caller, result in outcomes:
        try:
            caller.settle(result)
        except Exception:
            # The others are told all the same.
            log.exception("a caller could not be told of what was written")


def _settle(
    future: Future[Result] | asyncio.Future[Result], result: Result | BaseException
) -> None:
    if future.cancelled():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
