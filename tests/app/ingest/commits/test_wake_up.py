"""Waking the committer by a pipe."""

import os
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pytest

from app.ingest.commits import committer as committer_module
from app.ingest.commits.wake_up import WakeUp
from app.services import Services
from tests.factories import make_contribution

LONG_S = 60


@pytest.fixture
def wake_up(tmp_path: Path) -> WakeUp:
    """A pipe of this test."""
    return WakeUp(tmp_path / "committer")


def test_a_wait_ends_when_something_was_sent_since_the_last_one(wake_up: WakeUp) -> None:
    with wake_up.listening():
        assert wake_up.is_listening
        for _ in range(2):
            wake_up.send()
            wake_up.wait(Event(), LONG_S)
            assert wake_up._pipe is not None
            with pytest.raises(BlockingIOError):
                os.read(wake_up._pipe, 1)


def test_sending_never_waits_or_fails(wake_up: WakeUp) -> None:
    wake_up.send()
    with wake_up.listening():
        for _ in range(100_000):
            wake_up.send()
        wake_up.wait(Event(), LONG_S)
    wake_up.send()
    with wake_up.listening():
        wake_up.wait(Event(), 0)


def test_without_a_pipe_the_event_ends_the_wait() -> None:
    stop = Event()
    stop.set()
    nothing = WakeUp(None)
    nothing.send()
    with nothing.listening():
        nothing.wait(stop, LONG_S)
        assert not nothing.is_listening


def test_a_committer_whose_pipe_cannot_be_made_waits_as_without_one(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    wake_up = WakeUp(tmp_path / "removed" / "committer")
    with wake_up.listening():
        wake_up.send()
        wake_up.wait(stop, LONG_S)
        assert not wake_up.is_listening


def test_a_client_that_waits_wakes_an_idle_committer(
    services: Services, wake_up: WakeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "_IDLE_POLL_S", LONG_S)
    services.ingest.wake_up = wake_up
    committer, stop, is_idle = services.jobs.committer(), Event(), Event()
    wait = wake_up.wait

    def tell_and_wait(stop: Event, timeout_s: float) -> None:
        if timeout_s == LONG_S:
            is_idle.set()
        wait(stop, timeout_s)

    monkeypatch.setattr(wake_up, "wait", tell_and_wait)
    running = Thread(target=committer.run, args=(stop,))
    running.start()
    try:
        assert is_idle.wait(LONG_S)
        is_idle.clear()
        receipt = services.ingest.journal.append(make_contribution(), is_awaited=True)
        wake_up.send()
        assert is_idle.wait(LONG_S)
        assert services.ingest.journal.snapshot_of(receipt) is not None
    finally:
        stop.set()
        wake_up.send()
        running.join()


def test_only_an_idle_committer_is_woken(services: Services, wake_up: WakeUp) -> None:
    services.ingest.wake_up = wake_up
    committer, stop = services.jobs.committer(), Event()
    with wake_up.listening():
        committer._pending_since = 0
        wake_up.send()
        started = monotonic()
        committer._wait(stop)
        assert monotonic() - started >= committer_module._POLL_S
        assert wake_up._pipe is not None
        assert os.read(wake_up._pipe, 2) == b"\0"
