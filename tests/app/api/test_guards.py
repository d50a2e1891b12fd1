"""What a worker refuses because it has enough to do."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.formats import NDJSON, encode_json
from app.api.guards import current_guards
from app.services import Services
from tests.factories import make_submission

URL = "/v1/ingest/chat"
LARGE = make_submission("x" * 100_000)


def test_a_full_journal_answers_429_and_takes_more_once_it_is_drained(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.post(URL, json=make_submission()).status_code == 200
    backpressure = services.intake._backpressure
    monkeypatch.setattr(backpressure, "_max_bytes", 1)
    monkeypatch.setattr(backpressure, "_due", 0.0)
    for body in (make_submission(), {**make_submission(), "unknown": 1}):
        answer = client.post(URL, json=body)
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert "max_journal_bytes" in answer.get_json()["message"]
    assert client.get("/v1/health/").status_code == 200
    assert services.journal.backlog().contributions == 1
    services.committer().drain()
    monkeypatch.setattr(backpressure, "_due", 0.0)
    assert client.post(URL, json=make_submission()).status_code == 200


def test_uploads_are_refused_while_as_many_long_requests_are_answered_as_may(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        threads = current_guards().long_requests
    upload = {"data": encode_json(make_submission()), "headers": {"Content-Type": NDJSON}}
    with threads.holding(threads._maximum):
        answer = client.post("/v1/ingest/chats", **upload)
        assert answer.status_code == 429
        assert "max_long_requests" in answer.get_json()["message"]
    assert client.post("/v1/ingest/chats", **upload).status_code == 200
    assert threads._held == 0


def test_large_bodies_are_refused_while_as_many_are_held_as_may(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        bodies = current_guards().bodies
    with bodies.holding(bodies._maximum):
        answer = client.post(URL, json=LARGE)
        assert answer.status_code == 429
        assert "max_bodies_bytes" in answer.get_json()["message"]
        assert client.post(URL, json=make_submission()).status_code == 200
    assert client.post(URL, json=LARGE).status_code == 200
    assert bodies._held == 0
