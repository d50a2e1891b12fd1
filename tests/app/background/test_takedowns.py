"""The job erases what any process recorded, and tries again after a failure."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from app.background import takedowns
from app.background.takedowns import TakedownJob
from app.services import Services
from app.settings import Settings
from app.takedown.steps import Step
from tests.factories import commit_batch, make_contribution, make_received


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takedowns, "POLL_S", 0.01)
    monkeypatch.setattr(takedowns, "RETRY_S", 0.01)


@contextmanager
def running(job: TakedownJob) -> Iterator[Event]:
    """Run the job in a thread until the block ends, and yield what stops it."""
    stop = Event()
    thread = Thread(target=job.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


def wait_until_erased(services: Services) -> None:
    pause = Event()
    while services.access.takedowns.unfinished():
        pause.wait(0.01)


@pytest.mark.slow
def test_what_another_process_recorded_is_erased(services: Services, settings: Settings) -> None:
    mine = make_received(0, contributor_id="ada")
    commit_batch(services, mine, make_received(0))
    elsewhere = Services(settings)
    with running(elsewhere.jobs.takedown_job()):
        services.takedown.service.request("contributor", ["ada"], reason=None, requested_by="test")
        wait_until_erased(services)
    elsewhere.close()
    assert services.access.taken_down.ids().to_pylist() == [mine.contribution_id]


@pytest.mark.slow
def test_a_failure_is_logged_once_and_tried_again(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    commit_batch(services, make_received(0, contributor_id="ada"))
    failures = iter([OSError("away"), OSError("still away")])

    def fail_twice(_ids: object) -> None:
        for error in failures:
            raise error

    service = services.takedown.service
    service._steps = (Step("unreliable", fail_twice), *service._steps)
    services.takedown.service.request("contributor", ["ada"], reason=None, requested_by="test")
    with running(services.jobs.takedown_job()):
        wait_until_erased(services)
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == [
        "erasing failed; it is tried again"
    ]


def test_the_job_ends_while_it_waits(services: Services) -> None:
    """Nobody commits what is pending, so erasing waits for it."""
    services.ingest.journal.append(make_contribution(contributor_id="ada"))
    services.takedown.service.request("contributor", ["ada"], reason=None, requested_by="test")
    with running(services.jobs.takedown_job()):
        pass
    assert len(services.access.takedowns.unfinished()) == 1
