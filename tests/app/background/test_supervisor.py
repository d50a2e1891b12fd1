import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from app.background import supervisor as supervisor_module
from app.background.supervisor import Supervisor
from tests.app.ingest.polling import wait_until

UMASK = 0o027
NAME = "supervised"


def _obedient() -> None:
    while True:
        signal.pause()


def _stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _obedient()


def _short_lived() -> None:
    sys.exit(3)


def _failing() -> None:
    raise ValueError("as planned")


class Watched:
    """A supervisor whose processes write their ids to a file before they do anything else."""

    def __init__(self, run: Callable[[], None], trace: Path) -> None:
        self._then = run
        self._trace = trace
        self.ended: list[int] = []
        self.supervisor = Supervisor(self._run, name=NAME, umask=UMASK, ended=self.ended.append)

    def _run(self) -> None:
        with self._trace.open("a") as file:
            print(os.getpid(), file=file, flush=True)
        self._then()

    def started(self) -> list[int]:
        """Return the ids of all processes that have started, in order."""
        return [int(line) for line in self._trace.read_text().splitlines()]

    def wait_for(self, count: int) -> list[int]:
        """Return the ids once `count` processes have started."""
        wait_until(lambda: len(self.started()) >= count, f"process {count}")
        return self.started()


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file to which the processes of a test write their ids; none of them outlives the test."""
    monkeypatch.setattr(supervisor_module, "RESTART_DELAY_S", 0.01)
    path = tmp_path / "started"
    path.touch()
    yield path
    left = [int(line) for line in path.read_text().splitlines() if _runs(int(line))]
    for process_id in left:
        os.kill(process_id, signal.SIGKILL)
    assert not left, "the supervisor left processes behind"


def test_a_process_that_is_killed_is_started_again(trace: Path) -> None:
    watched = Watched(_obedient, trace)
    watched.supervisor.start()
    for count in (1, 2, 3):
        os.kill(watched.wait_for(count)[-1], signal.SIGKILL)
    last = watched.wait_for(4)[-1]
    watched.supervisor.stop(20)
    assert not _runs(last)
    assert len(set(watched.started())) == 4
    assert watched.ended == watched.started()


def test_a_process_that_ends_by_itself_is_started_again(trace: Path) -> None:
    watched = Watched(_short_lived, trace)
    watched.supervisor.start()
    watched.wait_for(3)
    watched.supervisor.stop(20)
    assert "supervisor" not in {thread.name for thread in threading.enumerate()}


def test_a_process_that_fails_is_logged_and_started_again(
    trace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    watched = Watched(_failing, trace)
    logged = logging.StreamHandler()
    supervisor_module.log.addHandler(logged)
    try:
        watched.supervisor.start()
        watched.wait_for(2)
        watched.supervisor.stop(20)
    finally:
        supervisor_module.log.removeHandler(logged)
    assert "ValueError: as planned" in capfd.readouterr().err


def test_signals_have_their_default_effect_in_the_process(trace: Path) -> None:
    before = signal.signal(signal.SIGHUP, lambda *_: None)
    try:
        watched = Watched(_obedient, trace)
        watched.supervisor.start()
        os.kill(watched.wait_for(1)[-1], signal.SIGHUP)
        watched.wait_for(2)
        watched.supervisor.stop(20)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_process_has_its_name(trace: Path) -> None:
    watched = Watched(_obedient, trace)
    watched.supervisor.start()
    (process_id,) = watched.wait_for(1)
    name = Path(f"/proc/{process_id}/comm").read_text()
    watched.supervisor.stop(20)
    assert name == f"{NAME}\n"


def test_only_one_process_runs_at_a_time(trace: Path) -> None:
    watched = Watched(_obedient, trace)
    watched.supervisor.start()
    first = watched.wait_for(1)[-1]
    os.kill(first, signal.SIGKILL)
    second = watched.wait_for(2)[-1]
    assert not _runs(first)
    assert _runs(second)
    watched.supervisor.stop(20)


def test_stopping_asks_the_process_to_end_and_waits_until_it_has(trace: Path) -> None:
    watched = Watched(_obedient, trace)
    watched.supervisor.start()
    (process_id,) = watched.wait_for(1)
    watched.supervisor.stop(20)
    assert not _runs(process_id)
    assert watched.started() == [process_id]


def test_a_process_that_does_not_end_in_time_is_killed(
    trace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(_stubborn, trace)
    watched.supervisor.start()
    (process_id,) = watched.wait_for(1)
    began = monotonic()
    watched.supervisor.stop(0.2)
    assert monotonic() - began >= 0.2
    assert "is killed" in caplog.text
    wait_until(lambda: not _runs(process_id), "the process to be gone")
    assert watched.started() == [process_id]


def test_nothing_is_started_after_it_was_stopped(
    trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "RESTART_DELAY_S", 20)
    watched = Watched(_short_lived, trace)
    watched.supervisor.start()
    (process_id,) = watched.wait_for(1)
    wait_until(lambda: not _runs(process_id), "the process to end")
    began = monotonic()
    watched.supervisor.stop(20)
    assert monotonic() - began < 10, "it waited for the restart"
    assert watched.started() == [process_id]


def test_a_process_has_the_given_umask_whatever_this_process_has_at_the_moment(trace: Path) -> None:
    watched = Watched(_obedient, trace)
    # As gunicorn does while it starts a worker.
    before = os.umask(0)
    try:
        watched.supervisor.start()
        (process_id,) = watched.wait_for(1)
    finally:
        os.umask(before)
    status = Path(f"/proc/{process_id}/status").read_text()
    watched.supervisor.stop(20)
    assert f"Umask:\t{UMASK:04o}\n" in status
