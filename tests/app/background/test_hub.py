"""The job brings outdated repositories up to date, and waits longer and longer after failures."""

import logging
from dataclasses import replace
from threading import Event, Thread

import pytest

from app.background import hub
from app.background.hub import HubJob
from app.releases.hub.errors import HubTokenMissing
from app.releases.publications import HubPublication, HubPublications
from app.services import Services

PUBLICATION = HubPublication(
    repository="lake/first", release="first", hub_url="http://127.0.0.1:9", access="private"
)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_S", "RETRY_S", "_STOP_POLL_S"):
        monkeypatch.setattr(hub, name, 0.01)


@pytest.fixture
def publications(services: Services) -> HubPublications:
    """The publications of a lake, of which one holds what was taken down."""
    publications = services.publishing.releases.publications
    publications.begin(PUBLICATION)
    publications.require("first", 2)
    return publications


class Update:
    """Fails some times, and then publishes the revision that is required."""

    def __init__(self, publications: HubPublications, failures: list[Exception]) -> None:
        self.calls = 0
        self.done = Event()
        self._publications = publications
        self._failures = failures

    def __call__(self) -> None:
        """Fail, or publish."""
        self.calls += 1
        if self._failures:
            raise self._failures.pop()
        (outdated,) = self._publications.outdated()
        revision = outdated.required_revision
        self._publications.complete(replace(outdated, revision=revision, commit_id="a" * 40))
        self.done.set()


def run_until(job: HubJob, done: Event) -> None:
    """Run a job until something is done."""
    stop = Event()
    thread = Thread(target=job.run, args=(stop,))
    thread.start()
    assert done.wait(30)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_an_outdated_repository_is_brought_up_to_date_once(publications: HubPublications) -> None:
    update = Update(publications, [])
    run_until(HubJob(publications, update), update.done)
    assert update.calls == 1
    assert publications.outdated() == []


def test_a_failure_is_logged_once_and_tried_again(
    publications: HubPublications, caplog: pytest.LogCaptureFixture
) -> None:
    update = Update(publications, [HubTokenMissing(), OSError("away"), HubTokenMissing()])
    with caplog.at_level(logging.WARNING):
        run_until(HubJob(publications, update), update.done)
    assert update.calls == 4
    assert [record.message for record in caplog.records] == [
        f"the Hub isn't up to date; it is tried again: {HubTokenMissing()}"
    ]


def test_a_job_ends_during_an_upload(publications: HubPublications) -> None:
    begun, never = Event(), Event()

    def upload() -> None:
        begun.set()
        never.wait()

    run_until(HubJob(publications, upload), begun)
    never.set()


def test_nothing_is_asked_of_the_hub_while_all_is_up_to_date(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    publications = services.publishing.releases.publications
    publications.begin(PUBLICATION)
    looked = Event()

    def outdated() -> list[HubPublication]:
        looked.set()
        return []

    def update() -> None:
        raise AssertionError

    assert publications.outdated() == []
    monkeypatch.setattr(publications, "outdated", outdated)
    run_until(HubJob(publications, update), looked)
