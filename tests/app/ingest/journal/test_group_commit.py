import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Lock

import pytest

from app.ingest.journal.group_commit import GroupCommit
from tests.app.ingest.polling import wait_until


class Refused(Exception):
    """The error of a write that fails."""


class GatedWrite:
    """A write that waits at a gate, and remembers the groups that it was called with."""

    def __init__(self, refuses: Callable[[Sequence[int]], bool] = lambda _: False) -> None:
        self.gate = Event()
        self.entered = Event()
        self.groups: list[list[int]] = []
        self._refuses = refuses
        self._alone = Lock()

    def __call__(self, items: Sequence[int]) -> list[str]:
        """Return for each item its text, once the gate is open."""
        assert self._alone.acquire(blocking=False), "two writes at once"
        try:
            self.groups.append(list(items))
            self.entered.set()
            assert self.gate.wait(20)
            if self._refuses(items):
                raise Refused(list(items))
            return [str(item) for item in items]
        finally:
            self._alone.release()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """A thread for each caller."""
    with ThreadPoolExecutor(max_workers=40) as made:
        yield made


def _submit_while_one_is_written(
    pool: ThreadPoolExecutor, write: GatedWrite, items: range
) -> list[Future[str]]:
    """Submit the first item alone, and the others while it is written."""
    grouped = GroupCommit(write)
    futures = [pool.submit(grouped.submit, items[0])]
    wait_until(write.entered.is_set, "the first write")
    futures += [pool.submit(grouped.submit, item) for item in items[1:]]
    wait_until(lambda: grouped._gathered.qsize() == len(items) - 1, "the others to join")
    write.gate.set()
    return futures


def test_a_lone_caller_does_not_wait() -> None:
    write = GatedWrite()
    write.gate.set()
    grouped = GroupCommit(write)
    assert [grouped.submit(item) for item in (1, 2)] == ["1", "2"]
    assert write.groups == [[1], [2]]


def test_callers_that_come_during_a_write_share_the_next_one(pool: ThreadPoolExecutor) -> None:
    write = GatedWrite()
    futures = _submit_while_one_is_written(pool, write, range(33))
    assert [future.result(20) for future in futures] == [str(item) for item in range(33)]
    assert write.groups[0] == [0]
    assert sorted(write.groups[1]) == list(range(1, 33))
    assert len(write.groups) == 2


def test_callers_on_an_event_loop_share_writes_with_those_in_threads(
    pool: ThreadPoolExecutor,
) -> None:
    write = GatedWrite()
    grouped = GroupCommit(write)

    async def submit() -> list[str]:
        tasks = [asyncio.create_task(grouped.submit_async(item)) for item in range(3)]
        await asyncio.sleep(0)
        assert write.entered.wait(20)
        blocking = pool.submit(grouped.submit, 3)
        taken = sum(map(len, write.groups))
        wait_until(lambda: taken + grouped._gathered.qsize() == 4, "the thread to join")
        write.gate.set()
        return [*await asyncio.gather(*tasks), blocking.result(20)]

    assert asyncio.run(submit()) == ["0", "1", "2", "3"]
    assert len(write.groups) == 2


def test_callers_that_come_while_the_lock_is_waited_for_belong_to_the_group(
    pool: ThreadPoolExecutor,
) -> None:
    write = GatedWrite()
    write.gate.set()
    waits, free = Event(), Event()

    @contextmanager
    def lock() -> Iterator[None]:
        waits.set()
        assert free.wait(20)
        yield

    grouped = GroupCommit(write, lock)
    futures = [pool.submit(grouped.submit, 0)]
    assert waits.wait(20)
    futures += [pool.submit(grouped.submit, item) for item in range(1, 9)]
    wait_until(lambda: grouped._gathered.qsize() == 8, "the others to join")
    free.set()
    assert [future.result(20) for future in futures] == [str(item) for item in range(9)]
    assert len(write.groups) == 1


def test_an_error_of_the_lock_reaches_those_that_wait_for_it() -> None:
    failures = [Refused()]

    @contextmanager
    def lock() -> Iterator[None]:
        if failures:
            raise failures.pop()
        yield

    grouped: GroupCommit[int, str] = GroupCommit(lambda items: [str(i) for i in items], lock)
    with pytest.raises(Refused):
        grouped.submit(1)
    assert grouped.submit(2) == "2"


def test_an_error_reaches_every_member_of_its_group_and_no_other(pool: ThreadPoolExecutor) -> None:
    write = GatedWrite(refuses=lambda items: 1 in items)
    futures = _submit_while_one_is_written(pool, write, range(9))
    assert futures[0].result(20) == "0"
    for future in futures[1:]:
        with pytest.raises(Refused) as caught:
            future.result(20)
        assert sorted(caught.value.args[0]) == list(range(1, 9))
    assert len(write.groups) == 2


def test_callers_that_joined_during_a_write_that_fails_are_written(
    pool: ThreadPoolExecutor,
) -> None:
    write = GatedWrite(refuses=lambda items: 0 in items)
    futures = _submit_while_one_is_written(pool, write, range(9))
    with pytest.raises(Refused):
        futures[0].result(20)
    assert [future.result(20) for future in futures[1:]] == [str(i) for i in range(1, 9)]


@pytest.mark.parametrize("failure", [Refused(), SystemExit()])
def test_after_an_error_the_next_caller_is_served(failure: BaseException) -> None:
    failures = [failure]

    def write(items: Sequence[int]) -> list[str]:
        while failures:
            raise failures.pop()
        return [str(item) for item in items]

    grouped = GroupCommit(write)
    with pytest.raises(type(failure)):
        grouped.submit(1)
    assert grouped.submit(2) == "2"


def test_a_write_that_has_too_few_results_is_an_error_of_its_callers() -> None:
    results = [[], ["2"]]
    grouped: GroupCommit[int, str] = GroupCommit(lambda _: results.pop(0))
    with pytest.raises(ValueError, match="shorter"):
        grouped.submit(1)
    assert grouped.submit(2) == "2"


def test_a_task_that_is_cancelled_leaves_the_others_their_results() -> None:
    write = GatedWrite()
    grouped = GroupCommit(write)

    async def submit() -> str:
        first, second = (asyncio.create_task(grouped.submit_async(item)) for item in (1, 2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        write.gate.set()
        return await second

    assert asyncio.run(submit()) == "2"


def test_an_event_loop_that_ends_during_a_write_takes_nothing_from_others() -> None:
    write = GatedWrite()
    grouped = GroupCommit(write)

    async def leave() -> None:
        task = asyncio.create_task(grouped.submit_async(1))
        await asyncio.sleep(0)
        assert write.entered.wait(20)
        task.cancel()

    asyncio.run(leave())
    write.gate.set()
    assert grouped.submit(2) == "2"
    assert write.groups == [[1], [2]]


def test_closing_writes_what_was_submitted_and_takes_no_more(pool: ThreadPoolExecutor) -> None:
    write = GatedWrite()
    grouped = GroupCommit(write)
    futures = [pool.submit(grouped.submit, 0)]
    assert write.entered.wait(20)
    futures.append(pool.submit(grouped.submit, 1))
    wait_until(grouped._gathered.qsize, "the second to join")
    closing = pool.submit(grouped.close)
    wait_until(lambda: grouped._is_closed, "the end")
    write.gate.set()
    closing.result(20)
    assert [future.result(20) for future in futures] == ["0", "1"]
    with pytest.raises(RuntimeError):
        grouped.submit(2)
    with pytest.raises(RuntimeError):
        asyncio.run(grouped.submit_async(2))


def test_closing_what_was_never_used_is_nothing() -> None:
    GroupCommit(GatedWrite()).close()


@pytest.mark.slow
def test_under_load_each_caller_gets_its_own_result_from_one_write_at_a_time(
    pool: ThreadPoolExecutor,
) -> None:
    write = GatedWrite()
    write.gate.set()
    grouped = GroupCommit(write)

    async def submit() -> list[str]:
        return list(await asyncio.gather(*map(grouped.submit_async, range(2_000, 4_000))))

    on_a_loop = pool.submit(asyncio.run, submit())
    assert list(pool.map(grouped.submit, range(2_000))) == [str(i) for i in range(2_000)]
    assert on_a_loop.result(20) == [str(i) for i in range(2_000, 4_000)]
    assert sorted(item for group in write.groups for item in group) == list(range(4_000))


def test_a_callback_that_fails_leaves_the_others_their_results(
    caplog: pytest.LogCaptureFixture,
) -> None:
    write = GatedWrite()
    grouped = GroupCommit(write)

    async def submit() -> str | BaseException:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[str | BaseException] = loop.create_future()

        def fail(_result: str | BaseException) -> None:
            raise Refused

        for settle in (fail, told.set_result):
            grouped.add(1, settle, loop)
        write.gate.set()
        return await told

    assert asyncio.run(submit()) == "1"
    assert "could not be told" in caplog.text
