"""Submissions that are answered before Flask, with the same answers as those of Flask."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, request, request_started
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from app.services import Services
from tests.factories import make_submission

URL = "/v1/ingest/chat"


@pytest.fixture
def routed(app: Flask) -> Iterator[list[str]]:
    """The paths of the requests that were passed on to Flask."""
    paths: list[str] = []

    def record(_app: Flask) -> None:
        paths.append(request.path)

    with request_started.connected_to(record, app):
        yield paths


def test_a_plain_submission_is_answered_before_flask(
    client: FlaskClient, services: Services, routed: list[str]
) -> None:
    answer = client.post(URL, json=make_submission(ingest_id="mine"))
    assert (answer.status_code, answer.json) == (200, {"ingest_id": "mine"})
    assert routed == []
    assert services.journal.backlog().contributions == 1


@pytest.mark.parametrize(
    "request_",
    [
        {"json": make_submission(unknown="key")},
        {"json": {}},
        {"data": b"not JSON"},
        {"json": make_submission(), "headers": {"Prefer": "wait=0"}},
        {"json": make_submission(), "headers": {"Content-Encoding": "gzip"}},
        {"json": make_submission("x" * 70_000)},
        {"data": json.dumps(make_submission()), "content_type": "text/plain"},
        {"data": b""},
    ],
    ids=["unknown key", "invalid", "malformed", "waits", "compressed", "large", "type", "empty"],
)
def test_other_submissions_go_to_flask_with_their_body(
    client: FlaskClient, routed: list[str], request_: dict[str, Any]
) -> None:
    answer = client.post(URL, **request_)
    assert routed == [URL]
    assert answer.status_code in {200, 202, 400, 415, 422}
    assert (answer.status_code in {200, 202}) == ("ingest_id" in (answer.json or {}))


def test_plain_and_flask_submissions_have_the_same_answer(client: FlaskClient) -> None:
    plain = client.post(URL, json=make_submission(ingest_id="i"))
    viewed = client.post(URL, json=make_submission(ingest_id="i", unknown=1))
    assert plain.data == viewed.data
    # Answers of Flask alone have a policy: see `app.site.policies`.
    del viewed.headers["Content-Security-Policy"]
    assert sorted(plain.headers) == sorted(viewed.headers)


def test_an_incomplete_body_is_refused_even_if_its_beginning_is_valid(
    client: FlaskClient, services: Services
) -> None:
    body = json.dumps(make_submission()).encode()
    longer = {"CONTENT_LENGTH": str(len(body) + 1)}
    answer = client.post(URL, data=body, environ_overrides=longer)
    assert answer.status_code == 400
    assert services.journal.backlog().entries == 0


@pytest.mark.parametrize("unknown", [True, False])
def test_a_failure_is_answered_with_the_envelope(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch, unknown: bool
) -> None:
    error = ZeroDivisionError() if unknown else OperationalError("x", None, Exception("secret"))

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(services.journal, "append", fail)
    answer = client.post(URL, json=make_submission())
    assert answer.status_code == (500 if unknown else 503)
    assert set(answer.get_json()) == {"code", "status", "message", "errors"}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "secret" not in answer.text
