"""Requests that a worker refuses because a limit of concurrent work is reached."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.api.formats import NDJSON, encode_json
from app.api.guards import Admission, WorkerBusy, current_guards
from app.services import Services
from app.settings import Settings
from tests.factories import make_submission

URL = "/v1/ingest/chat"
LARGE = make_submission("x" * 100_000)


def test_no_more_than_the_maximum_is_admitted() -> None:
    admission = Admission("max_things", 10)
    refused = pytest.raises(WorkerBusy, match="max_things = 10 is reached")
    with admission.holding(6), admission.holding(4), refused:
        admission.take(1)
    with admission.holding(10):
        pass


def test_an_amount_over_the_maximum_is_admitted_alone() -> None:
    admission = Admission("max_things", 10)
    with admission.holding(11), pytest.raises(WorkerBusy):
        admission.take(1)
    with admission.holding(1), pytest.raises(WorkerBusy):
        admission.take(11)


def test_an_amount_is_released_when_its_block_fails() -> None:
    admission = Admission("max_things", 1)
    with pytest.raises(KeyError), admission.holding():
        raise KeyError
    with admission.holding():
        pass


def test_submissions_are_refused_with_429_until_a_full_journal_is_drained(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ingest.journal.room.MEASURED_EVERY_S", 0.0)
    client = create_app(Settings.at(settings.home, max_journal_bytes=1)).test_client()
    assert client.post(URL, json=make_submission()).status_code == 200
    for body in (make_submission(), {**make_submission(), "unknown": 1}):
        answer = client.post(URL, json=body)
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert "max_journal_bytes" in answer.get_json()["message"]
    assert client.get("/v1/health/").status_code == 200
    assert services.ingest.journal.backlog().contributions == 1
    services.jobs.committer().drain()
    assert client.post(URL, json=make_submission()).status_code == 200


def test_uploads_are_refused_while_as_many_are_handled_as_may(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        places = current_guards().uploads
    upload = {"data": encode_json(make_submission()), "headers": {"Content-Type": NDJSON}}
    with places.holding(places.maximum):
        answer = client.post("/v1/ingest/chats", **upload)
        assert answer.status_code == 429
        assert "max_uploads" in answer.get_json()["message"]
    assert client.post("/v1/ingest/chats", **upload).status_code == 200
    assert places.held == 0


def test_large_bodies_are_refused_while_as_many_are_held_as_may(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        bodies = current_guards().bodies
    with bodies.holding(bodies.maximum):
        answer = client.post(URL, json=LARGE)
        assert answer.status_code == 429
        assert "max_bodies_bytes" in answer.get_json()["message"]
        assert client.post(URL, json=make_submission()).status_code == 200
    assert client.post(URL, json=LARGE).status_code == 200
    assert bodies.held == 0
