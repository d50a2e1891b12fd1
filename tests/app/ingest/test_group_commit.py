from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock

import pytest

from app.ingest.group_commit import GroupCommit
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
def pool() -> ThreadPoolExecutor:
    """A thread for each caller."""
    return ThreadPoolExecutor(max_workers=40)


def _submit_while_one_is_written(
    pool: ThreadPoolExecutor, write: GatedWrite, items: range
) -> list[Future[str]]:
    """Submit the first item alone, and the others while it is written."""
    grouped = GroupCommit(write)
    futures = [pool.submit(grouped.submit, items[0])]
    wait_until(write.entered.is_set, "the first write")
    futures += [pool.submit(grouped.submit, item) for item in items[1:]]
    wait_until(lambda: grouped.waiting == len(items) - 1, "the others to join")
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
    with pool:
        futures = _submit_while_one_is_written(pool, write, range(33))
        results = [future.result(20) for future in futures]
    assert results == [str(item) for item in range(33)]
    assert write.groups[0] == [0]
    assert sorted(write.groups[1]) == list(range(1, 33))
    assert len(write.groups) == 2


def test_a_group_waits_for_as_many_as_were_there_just_now(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ingest.group_commit.GATHER_S", 20)
    write = GatedWrite()
    grouped = GroupCommit(write)
    with pool:
        first = pool.submit(grouped.submit, 0)
        wait_until(write.entered.is_set, "the first write")
        others = [pool.submit(grouped.submit, item) for item in (1, 2)]
        wait_until(lambda: grouped.waiting == 2, "the others to join")
        write.gate.set()
        assert first.result(20) == "0"
        others.append(pool.submit(grouped.submit, 3))
        # Three callers were there, and three have come: the group waits no longer.
        assert [future.result(10) for future in others] == ["1", "2", "3"]
    assert [sorted(group) for group in write.groups] == [[0], [1, 2, 3]]


def test_a_group_does_not_wait_for_ever_for_callers_that_stay_away(
    pool: ThreadPoolExecutor,
) -> None:
    write = GatedWrite()
    with pool:
        futures = _submit_while_one_is_written(pool, write, range(3))
        assert [future.result(20) for future in futures] == ["0", "1", "2"]
    assert [sorted(group) for group in write.groups] == [[0], [1, 2]]


def test_an_error_reaches_every_member_of_its_group_and_no_other(pool: ThreadPoolExecutor) -> None:
    write = GatedWrite(refuses=lambda items: 1 in items)
    with pool:
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
    with pool:
        futures = _submit_while_one_is_written(pool, write, range(9))
        with pytest.raises(Refused):
            futures[0].result(20)
        assert [future.result(20) for future in futures[1:]] == [str(i) for i in range(1, 9)]


def test_after_an_error_the_next_caller_is_served() -> None:
    write = GatedWrite(refuses=lambda items: 1 in items)
    write.gate.set()
    grouped = GroupCommit(write)
    with pytest.raises(Refused):
        grouped.submit(1)
    assert grouped.submit(2) == "2"


def test_even_an_exit_of_the_writer_lets_its_group_go(pool: ThreadPoolExecutor) -> None:
    def leave(items: Sequence[int]) -> list[str]:
        write(items)
        raise SystemExit

    write = GatedWrite()
    grouped: GroupCommit[int, str] = GroupCommit(leave)
    with pool:
        futures = [pool.submit(grouped.submit, 0)]
        wait_until(write.entered.is_set, "the first write")
        futures += [pool.submit(grouped.submit, item) for item in (1, 2)]
        wait_until(lambda: grouped.waiting == 2, "the others to join")
        write.gate.set()
        for future in futures:
            with pytest.raises(SystemExit):
                future.result(20)


def test_under_load_each_caller_gets_its_own_result_from_one_write_at_a_time(
    pool: ThreadPoolExecutor,
) -> None:
    write = GatedWrite()
    write.gate.set()
    grouped = GroupCommit(write)
    with pool:
        assert list(pool.map(grouped.submit, range(2_000))) == [str(i) for i in range(2_000)]
    written = [item for group in write.groups for item in group]
    assert sorted(written) == list(range(2_000))
