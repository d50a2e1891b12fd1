"""Submissions to a lake that requires consent to its terms, by every way in."""

import gzip
import json
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from app.services import services_of
from app.settings import Settings
from tests.app.edge.serving import Serving, edge_serving, request
from tests.factories import make_submission
from tests.lakes import opened_app

AGREED = json.dumps(make_submission(terms_version="2026-11")).encode()
OTHERS = [
    json.dumps(make_submission(**fields)).encode()
    for fields in ({}, {"terms_version": "2025-01"}, {"terms_version": None})
]
NDJSON = {"Content-Type": "application/x-ndjson"}

Send = Callable[[str, dict[str, str], bytes], tuple[int, dict[str, object]]]


@pytest.fixture
def strict(settings: Settings) -> Iterator[Flask]:
    """An application whose lake requires terms."""
    path = settings.home / "terms.md"
    path.write_text("Be kind.")
    values = {"terms_file": path, "terms_version": "2026-11", "require_terms": True}
    with opened_app(Settings.at(settings.home, **values)) as app:
        yield app


@pytest.fixture(params=["edge", "flask"])
def send(strict: Flask, request: pytest.FixtureRequest) -> Iterator[Send]:
    """Sends by the edge, and by Flask alone; returns the status and the JSON."""
    if request.param == "flask":
        yield lambda path, headers, body: _sent_by_flask(strict, path, headers, body)
        return
    with edge_serving(strict) as edge:
        yield lambda path, headers, body: _sent_by_edge(edge, path, headers, body)


def _sent_by_flask(
    app: Flask, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, dict[str, object]]:
    headers = {"Content-Type": "application/json", **headers}
    answer = app.test_client().post(path, data=body, headers=headers)
    assert answer.json is not None
    return answer.status_code, answer.json


def _sent_by_edge(
    edge: Serving, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, dict[str, object]]:
    answer = edge.exchange(request("POST", path, headers, body))
    return answer.status, answer.json


@pytest.mark.parametrize("headers", [{}, {"X-Request-ID": "mine"}, {"Content-Encoding": "gzip"}])
def test_a_submission_has_to_state_the_terms(
    send: Send, strict: Flask, headers: dict[str, str]
) -> None:
    def submit(body: bytes) -> tuple[int, dict[str, object]]:
        is_packed = "Content-Encoding" in headers
        return send("/v1/ingest/chat", headers, gzip.compress(body) if is_packed else body)

    for body in OTHERS:
        status, answer = submit(body)
        assert (status, answer["status"]) == (422, "Unprocessable Entity")
        assert "/terms" in str(answer["errors"]["terms_version"])  # type: ignore[index]
    assert services_of(strict).ingest.journal.backlog().contributions == 0
    assert submit(AGREED)[0] == 200
    assert services_of(strict).ingest.journal.backlog().contributions == 1


def test_every_line_of_an_upload_has_to_state_the_terms(send: Send, strict: Flask) -> None:
    status, answer = send("/v1/ingest/chats", NDJSON, b"\n".join([AGREED, *OTHERS]))
    assert (status, answer["accepted"], answer["rejected"]) == (200, 1, 3)
    errors = answer["errors"]
    assert [error["line"] for error in errors] == [2, 3, 4]  # type: ignore[attr-defined]
    assert "terms_version" in str(errors)
    assert services_of(strict).ingest.journal.backlog().contributions == 1


def test_the_version_is_stored_and_shown(app: Flask) -> None:
    client, services = app.test_client(), services_of(app)
    client.post("/v1/ingest/chat", data=AGREED, content_type="application/json")
    client.post("/v1/ingest/chat", data=OTHERS[0], content_type="application/json")
    services.jobs.committer().drain()
    answer = client.get("/v1/contributions").json
    assert answer is not None
    stated = [row.get("terms_version") for row in answer["contributions"]]
    assert stated == ["2026-11", None]
