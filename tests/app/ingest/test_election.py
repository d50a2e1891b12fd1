import fcntl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from app.ingest.election import is_led, leadership
from tests.app.ingest.polling import wait_until

_LEAD = """
import sys
from pathlib import Path
from threading import Event
from app.ingest.election import leadership
with leadership(Path(sys.argv[1]), Event()) as leads:
    print(leads, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    """The lake's lock."""
    return tmp_path / "committer.lock"


def _leads(lock_file: Path, stop: Event, led: Event, until: Event) -> bool:
    with leadership(lock_file, stop) as leads:
        if leads:
            led.set()
            assert until.wait(20)
        return leads


def _assert_taken(lock_file: Path) -> None:
    with lock_file.open("a") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_who_comes_first_leads(lock_file: Path) -> None:
    with leadership(lock_file, Event()) as leads:
        assert leads


def test_the_folder_of_the_lock_is_made(tmp_path: Path) -> None:
    with leadership(tmp_path / "new" / "committer.lock", Event()) as leads:
        assert leads


def test_the_next_one_leads_when_the_first_is_done_and_never_before(lock_file: Path) -> None:
    led, until = [Event(), Event()], [Event(), Event()]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(_leads, lock_file, Event(), led[0], until[0])
        assert led[0].wait(20)
        second = pool.submit(_leads, lock_file, Event(), led[1], until[1])
        _assert_taken(lock_file)
        assert not led[1].is_set()
        until[0].set()
        assert led[1].wait(20)
        until[1].set()
        assert first.result(20)
        assert second.result(20)


def test_who_is_told_to_stop_while_it_waits_does_not_lead(lock_file: Path) -> None:
    stop = Event()
    with leadership(lock_file, Event()) as leads, ThreadPoolExecutor(1) as pool:
        assert leads
        future = pool.submit(_leads, lock_file, stop, Event(), Event())
        stop.set()
        assert future.result(20) is False


def test_who_is_told_to_stop_before_it_asks_does_not_lead(lock_file: Path) -> None:
    stop = Event()
    stop.set()
    with leadership(lock_file, stop) as leads:
        assert not leads


def test_an_error_of_the_leader_gives_leadership_back(lock_file: Path) -> None:
    with pytest.raises(KeyError), leadership(lock_file, Event()):
        raise KeyError
    with leadership(lock_file, Event()) as leads:
        assert leads


def test_when_the_leader_is_killed_the_next_one_leads(lock_file: Path) -> None:
    command = [sys.executable, "-c", _LEAD, str(lock_file)]
    led, until = Event(), Event()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    ) as leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == "True\n"
        with ThreadPoolExecutor(1) as pool:
            successor = pool.submit(_leads, lock_file, Event(), led, until)
            _assert_taken(lock_file)
            leader.kill()
            wait_until(led.is_set, "the successor to lead")
            until.set()
            assert successor.result(20)


def test_whoever_looks_sees_whether_a_process_leads(lock_file: Path) -> None:
    assert not is_led(lock_file)
    with leadership(lock_file, Event()):
        assert is_led(lock_file)
        assert is_led(lock_file)
    assert not is_led(lock_file)
