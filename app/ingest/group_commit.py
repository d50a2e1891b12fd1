"""Group commit: requests that come while one transaction is being synced share the next one."""

from collections.abc import Callable, Sequence
from threading import Lock
from time import sleep
from typing import Generic, TypeVar

_GATHER_S = 0.001
"""How long a group stays open for others: some of the time that a sync takes anyway."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Hands the items of concurrent callers to one write.

    The first caller of a group leads it: it waits until the group before is written, while others
    join, and then writes for all of them. No thread of its own is needed, and a lone caller waits
    for nobody.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        """Group the calls of `write`, which returns a result for each item, in their order."""
        self._write = write
        self._joining = Lock()
        self._writing = Lock()
        self._open: _Group[Item, Result] | None = None
        self._shared = False

    def submit(self, item: Item) -> Result:
        """Return the item's result once its group is written.

        Raises:
            BaseException: What the write of the group raised; none of its items is written then.
        """
        with self._joining:
            leads = self._open is None
            group = self._open = self._open or _Group()
            position = group.join(item)
        if leads:
            with self._writing:
                self._gather()
                with self._joining:
                    self._open = None
                group.write(self._write)
                self._shared = group.size > 1
        return group.result(position)

    def _gather(self) -> None:
        """Let callers that are about to join do so, where there are several at all."""
        if self._shared:
            sleep(_GATHER_S)


class _Group(Generic[Item, Result]):
    def __init__(self) -> None:
        self._items: list[Item] = []
        self._results: Sequence[Result] = ()
        self._error: BaseException | None = None
        # Held until the group is written. A lock wakes its waiters one after the other, as each
        # lets it go; an Event would wake all at once, to wait for the interpreter's lock.
        self._unwritten = Lock()
        self._unwritten.acquire()

    @property
    def size(self) -> int:
        return len(self._items)

    def join(self, item: Item) -> int:
        self._items.append(item)
        return len(self._items) - 1

    def write(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        try:
            self._results = write(self._items)
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._unwritten.release()

    def result(self, position: int) -> Result:
        with self._unwritten:
            pass
        if self._error is not None:
            raise self._error
        return self._results[position]
