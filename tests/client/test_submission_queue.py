import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatlake_client.delivery_lock import DeliveryLock
from chatlake_client.errors import QueueError
from chatlake_client.records import Rejected
from chatlake_client.submission_queue import SubmissionQueue, Totals
from tests.client.environment import client_environment

OPENS = """
import sys
from pathlib import Path
from chatlake_client.submission_queue import SubmissionQueue
queue = SubmissionQueue(Path(sys.argv[1]), max_submissions=1000, max_bytes=10**6)
for number in range(50):
    assert queue.add([b"{}"]) == 1
"""
LOCKS = """
import sys, time
from pathlib import Path
from chatlake_client.delivery_lock import DeliveryLock
assert DeliveryLock(Path(sys.argv[1])).acquire()
print("locked", flush=True)
time.sleep(60)
"""

Open = Callable[..., SubmissionQueue]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "queue.sqlite"


@pytest.fixture
def open_queue(path: Path) -> Iterator[Open]:
    """Opens the test's queue, as often as it is called, and closes it at the end."""
    opened: list[SubmissionQueue] = []

    def open_it(max_submissions: int = 100, max_bytes: int = 10_000) -> SubmissionQueue:
        opened.append(SubmissionQueue(path, max_submissions=max_submissions, max_bytes=max_bytes))
        return opened[-1]

    yield open_it
    for queue in opened:
        queue.close()


def bodies(queue: SubmissionQueue) -> list[bytes]:
    return [submission.body for submission in queue.oldest(1_000, 10**9)]


def test_submissions_come_out_in_the_order_in_which_they_came_in(open_queue: Open) -> None:
    queue = open_queue()
    assert queue.add([b'"a"', b'"b"']) == 2
    assert queue.add([b'"c"']) == 1
    assert bodies(queue) == [b'"a"', b'"b"', b'"c"']
    assert queue.totals() == Totals(queued=3, rejected=0, size_bytes=9)


def test_a_file_holds_its_submissions_when_it_is_opened_again(open_queue: Open) -> None:
    queue = open_queue()
    queue.add([b'"a"'])
    queue.close()
    assert bodies(open_queue()) == [b'"a"']


def test_only_the_owner_may_read_the_file(open_queue: Open, path: Path) -> None:
    open_queue().add([b"{}"])
    modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {0o600}


def test_no_more_is_added_than_there_is_room_for(open_queue: Open) -> None:
    queue = open_queue(max_submissions=3, max_bytes=10)
    assert queue.add([b"1234"]) == 1
    assert queue.add([b"1234", b"12345"]) == 1
    assert queue.has_room(2)
    assert not queue.has_room(3)
    assert queue.add([b"1", b"2"]) == 1
    assert not queue.has_room(1)
    assert queue.totals() == Totals(queued=3, rejected=0, size_bytes=9)


def test_accepted_submissions_make_room(open_queue: Open) -> None:
    queue = open_queue(max_submissions=1)
    queue.add([b"{}"])
    (submission,) = queue.oldest(1, 1)
    queue.settle(accepted=[submission.queue_id], rejected=[], failed=[])
    assert queue.totals() == Totals(0, 0, 0)
    assert queue.add([b"{}"]) == 1


def test_a_number_is_never_used_twice(open_queue: Open) -> None:
    queue = open_queue()
    queue.add([b"{}"])
    first = queue.newest_id()
    queue.settle(accepted=[first], rejected=[], failed=[])
    queue.add([b"{}"])
    assert queue.newest_id() > first
    assert not queue.waits(first)
    assert queue.waits(queue.newest_id())


def test_the_oldest_are_limited_in_number_and_size_and_at_least_one(open_queue: Open) -> None:
    queue = open_queue()
    queue.add([b"12345", b"1", b"2"])
    assert len(queue.oldest(2, 1_000)) == 2
    assert len(queue.oldest(10, 6)) == 2
    assert len(queue.oldest(10, 1)) == 1


def test_a_rejected_submission_takes_room_until_it_is_discarded(open_queue: Open) -> None:
    queue = open_queue(max_submissions=1)
    queue.add([b'{"agent_id": "a", "conversation": [], "ingest_id": "i"}'])
    number = queue.newest_id()
    queue.settle([], [Rejected(number, "No.", None, 422, {"f": ["x"]})], [])
    assert queue.newest_id() == 0
    assert queue.add([b"{}"]) == 0
    (rejected,) = queue.rejected()
    assert (rejected.status, rejected.message, rejected.errors) == (422, "No.", {"f": ["x"]})
    assert rejected.submission.ingest_id == "i"
    assert queue.discard(number)
    assert not queue.discard(number)
    assert queue.totals() == Totals(0, 0, 0)


def test_a_requeued_submission_waits_again_and_can_not_be_discarded(open_queue: Open) -> None:
    queue = open_queue()
    queue.add([b"{}"])
    number = queue.newest_id()
    queue.settle([], [], [number])
    queue.settle([], [Rejected(number, "No.", None, 500)], [])
    assert queue.requeue(number)
    assert not queue.requeue(number)
    assert not queue.discard(number)
    (waiting,) = queue.oldest(1, 1)
    assert waiting.server_errors == 0


def test_server_errors_are_counted(open_queue: Open) -> None:
    queue = open_queue()
    queue.add([b"{}"])
    for _ in range(2):
        queue.settle([], [], [queue.newest_id()])
    (waiting,) = queue.oldest(1, 1)
    assert waiting.server_errors == 2


@pytest.mark.parametrize("content", [b"Dear diary" * 100, None])
def test_a_file_that_is_something_else_is_refused_and_left_alone(
    content: bytes | None, path: Path, open_queue: Open
) -> None:
    path.parent.mkdir()
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE diary (day TEXT)")
        other.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(QueueError, match=r"queue\.sqlite"):
        open_queue()
    assert path.read_bytes() == before


def test_a_folder_is_no_queue(path: Path, open_queue: Open) -> None:
    path.mkdir(parents=True)
    with pytest.raises(QueueError):
        open_queue()


@pytest.mark.slow
def test_several_processes_make_and_fill_one_file_at_once(path: Path, open_queue: Open) -> None:
    command = [sys.executable, "-c", OPENS, str(path)]
    processes = [subprocess.Popen(command, env=client_environment()) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert open_queue(1_000).totals() == Totals(200, 0, 400)


def test_one_process_at_a_time_delivers_and_its_death_ends_the_lock(path: Path) -> None:
    path.parent.mkdir()
    lock = DeliveryLock(path)
    with subprocess.Popen(
        [sys.executable, "-c", LOCKS, str(path)],
        env=client_environment(),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        assert not lock.acquire()
        process.kill()
    assert lock.acquire()
    lock.release()
    lock.close()


def test_one_client_at_a_time_delivers_within_a_process(path: Path) -> None:
    first, second = DeliveryLock(path), DeliveryLock(path)
    assert first.acquire()
    assert not second.acquire()
    # Opening and closing the file once more must not end the lock, as POSIX would have it.
    DeliveryLock(path).close()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    for lock in (first, second):
        lock.close()
