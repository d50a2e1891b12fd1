"""Group commit: requests that come while one transaction is being synced share the next one."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, Generic, TypeVar

_GATHER_S: Final = 0.01
"""How long a group waits at most for callers that are likely to come."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Hands the items of concurrent callers to one write.

    The first caller of a group leads it: it waits until the group before is written, while others
    join, and then writes for all of them. No thread of its own is needed.

    A write costs about the same for one item as for many, so a group first waits for as many
    callers as there were just now: those of the group before, who come back at once when they are
    busy, and those who came while it was written. A lone caller waits for nobody.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        """Group the calls of `write`, which returns a result for each item, in their order."""
        self._write = write
        self._joining = Lock()
        self._writing = Lock()
        self._open: _Group[Item, Result] | None = None
        self._expected = 1

    def submit(self, item: Item) -> Result:
        """Return the item's result once its group is written.

        Raises:
            BaseException: What the write of the group raised; none of its items is written then.
        """
        with self._joining:
            group = self._open
            leads = group is None
            if group is None:
                group = self._open = _Group()
            position = group.join(item)
            if group.size == self._expected:
                group.complete()
        if leads:
            with self._writing:
                self._gather(group)
                group.write(self._write)
                with self._joining:
                    self._expected = group.size + (self._open.size if self._open else 0)
        return group.result(position)

    def _gather(self, group: "_Group[Item, Result]") -> None:
        """Wait until those who are expected have joined, and let nobody join any more."""
        if group.size < self._expected:
            group.wait_until_complete(_GATHER_S)
        with self._joining:
            self._open = None


class _Group(Generic[Item, Result]):
    def __init__(self) -> None:
        self._items: list[Item] = []
        self._results: Sequence[Result] = ()
        self._error: BaseException | None = None
        # Held until the group is written. A lock wakes its waiters one after the other, as each
        # lets it go; an Event would wake all at once, to wait for the interpreter's lock.
        self._unwritten = Lock()
        self._unwritten.acquire()
        self._incomplete = Lock()
        self._incomplete.acquire()

    @property
    def size(self) -> int:
        return len(self._items)

    def join(self, item: Item) -> int:
        self._items.append(item)
        return len(self._items) - 1

    def complete(self) -> None:
        """Tell the leader that it needn't wait any longer."""
        if self._incomplete.locked():
            self._incomplete.release()

    def wait_until_complete(self, timeout_s: float) -> None:
        self._incomplete.acquire(timeout=timeout_s)

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
