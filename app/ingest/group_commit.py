"""Group commit: callers that come while one transaction is being synced share the next one."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, Generic, TypeVar

GATHER_S: Final = 0.01
"""How long a group waits at most for the callers that are expected."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Hands the items of concurrent callers to one write.

    The first caller of a group leads it: it waits until the previous group is written, while others
    join, and then writes for all of them. There is no thread beside the callers' own.

    A write costs about the same for one item as for many, so a group first waits for as many
    callers as there were just now: those of the previous group, who come back at once when they are
    busy, and those who came while it was written. A lone caller doesn't wait.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        """Group the calls of `write`, which returns a result for each item, in their order."""
        self._write = write
        self._joining = Lock()
        self._writing = Lock()
        self._open: _Group[Item, Result] | None = None
        self._expected = 1

    @property
    def waiting(self) -> int:
        """How many callers have joined the group that isn't being written yet."""
        group = self._open
        return group.size if group else 0

    @property
    def is_writing(self) -> bool:
        """Whether a group is being written, or gathers its callers."""
        return self._writing.locked()

    def submit(self, item: Item) -> Result:
        """Return the item's result once its group is written.

        Raises:
            BaseException: The write of the group raised it; none of its items is written then.
        """
        with self._joining:
            group = self._open
            leads = group is None
            if group is None:
                group = self._open = _Group()
            position = group.join(item)
        if leads:
            with self._writing:
                self._gather(group)
                try:
                    group.write(self._write)
                finally:
                    # Before its members go: one that came back at once would be counted twice.
                    self._expect_as_many_as_now(group)
                    group.release()
        return group.result(position)

    def _gather(self, group: "_Group[Item, Result]") -> None:
        """Wait until the expected callers have joined, and close the group."""
        with self._joining:
            is_complete = group.expect(self._expected)
        if not is_complete:
            group.wait_until_complete(GATHER_S)
        with self._joining:
            self._open = None

    def _expect_as_many_as_now(self, written: "_Group[Item, Result]") -> None:
        with self._joining:
            self._expected = written.size + self.waiting


class _Group(Generic[Item, Result]):
    def __init__(self) -> None:
        self._items: list[Item] = []
        self._results: Sequence[Result] = ()
        self._error: BaseException | None = None
        # Held until the group is written. A lock wakes its waiters one by one, each when the one
        # before releases it; an Event would wake all at once, to wait for the interpreter's lock.
        self._unwritten = Lock()
        self._unwritten.acquire()
        # How many callers the leader waits for; None before it waits.
        self._expected: int | None = None
        # Held until they have joined.
        self._incomplete = Lock()
        self._incomplete.acquire()

    @property
    def size(self) -> int:
        return len(self._items)

    def join(self, item: Item) -> int:
        self._items.append(item)
        if self.size == self._expected:
            self._incomplete.release()
        return self.size - 1

    def expect(self, size: int) -> bool:
        """Tell whether `size` callers have joined; if not, `wait_until_complete` waits for them."""
        self._expected = size
        return self.size >= size

    def wait_until_complete(self, timeout_s: float) -> None:
        self._incomplete.acquire(timeout=timeout_s)

    def write(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        try:
            self._results = write(self._items)
        except BaseException as error:
            self._error = error
            raise

    def release(self) -> None:
        """Let the members return, each with its result."""
        self._unwritten.release()

    def result(self, position: int) -> Result:
        with self._unwritten:
            pass
        if self._error is not None:
            raise self._error
        return self._results[position]
