import logging
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.services import Services
from app.settings import Settings
from app.telemetry.logs import current_request
from tests.app.telemetry.test_metrics import value
from tests.factories import make_submission

INGEST = "/v1/ingest/chat"
HEADER = "X-Request-ID"


@pytest.fixture
def talkative(services: Services) -> Flask:
    """The application with an access log, on a migrated lake."""
    return create_app(Settings.at(services.settings.home, access_log=True))


def requests_counted(**labels: str) -> float:
    return value("request_seconds_count", **labels)


def test_answers_have_a_request_id_if_sent_or_on_errors(client: FlaskClient) -> None:
    sent = {HEADER: "my-id"}
    assert client.get("/v1/health/", headers=sent).headers[HEADER] == "my-id"
    assert client.get("/v1/nothing", headers=sent).headers[HEADER] == "my-id"
    assert len(client.get("/v1/nothing").headers[HEADER]) == 16
    assert HEADER not in client.get("/v1/health/").headers
    assert client.get("/v1/nothing", headers={HEADER: "a b"}).headers[HEADER] != "a b"


def test_the_id_is_that_of_the_request_until_its_last_byte(
    app: Flask, open_route: Callable[[str], None]
) -> None:
    seen = []

    def parts() -> Iterator[str]:
        for part in ("a", "b"):
            seen.append(str(current_request.get()))
            yield part

    open_route("/v1/stream")
    app.add_url_rule("/v1/stream", "stream", parts)
    response = app.test_client().get("/v1/stream", headers={HEADER: "my-id"})
    assert response.text == "ab"
    response.close()
    assert seen == ["my-id", "my-id"]
    assert current_request.get() is None


def test_after_an_error_that_nothing_handles_the_next_request_has_no_id_of_it(
    app: Flask, open_route: Callable[[str], None]
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = True

    def fail() -> str:
        raise RuntimeError

    open_route("/v1/fail")
    app.add_url_rule("/v1/fail", "fail", fail)
    with pytest.raises(RuntimeError):
        app.test_client().get("/v1/fail")
    assert current_request.get() is None


def test_requests_are_counted_by_their_route_and_never_by_their_path(client: FlaskClient) -> None:
    labels = {"method": "GET", "route": "/v1/snapshots/<snapshot_id>", "status": "404"}
    before = requests_counted(**labels)
    for snapshot_id in (1, 2, 3):
        client.get(f"/v1/snapshots/{snapshot_id}")
    assert requests_counted(**labels) - before == 3


def test_requests_without_a_route_are_counted_under_one_label(client: FlaskClient) -> None:
    def counted() -> float:
        return sum(
            requests_counted(method="none", route="none", status=status)
            for status in ("404", "405")
        )

    before = counted()
    client.get("/v1/made/up")
    client.open(INGEST, method="BREW")
    assert counted() - before == 2


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"{", "application/json", "malformed"),
        (b"{}", "application/json", "invalid"),
        (b"<a/>", "application/xml", "unsupported"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "application/json", "too_large"),
    ],
)
def test_a_submission_that_is_not_taken_is_counted_under_its_reason(
    client: FlaskClient, body: bytes, content_type: str, reason: str
) -> None:
    name = "rejected_submissions_total"
    before = value(name, reason=reason)
    assert client.post(INGEST, data=body, content_type=content_type).status_code >= 400
    assert value(name, reason=reason) - before == 1


def test_a_readers_error_is_not_counted_as_a_rejected_submission(client: FlaskClient) -> None:
    before = value("rejected_submissions_total", reason="invalid")
    assert client.get("/v1/contributions?limit=0").status_code == 422
    assert value("rejected_submissions_total", reason="invalid") == before


def test_submissions_are_counted_once_however_often_they_are_sent(client: FlaskClient) -> None:
    accepted, repeated = "accepted_contributions_total", "repeated_submissions_total"
    before = value(accepted), value(repeated)
    for _ in range(3):
        client.post(INGEST, json=make_submission(ingest_id="my-chat"))
    assert (value(accepted) - before[0], value(repeated) - before[1]) == (1, 2)


def test_a_line_tells_of_each_request_and_nothing_that_its_client_wrote(
    talkative: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = talkative.test_client()
    response = client.post(f"{INGEST}?secret=hush", json=make_submission("hush"))
    client.get("/v1/contributions?contributor_id=hush")
    submitted, read = (record for record in caplog.records if hasattr(record, "route"))
    assert submitted.getMessage() == f"POST {INGEST} 200"
    assert submitted.levelno == logging.INFO
    told = {name: vars(submitted)[name] for name in ("method", "route", "status", "bytes")}
    assert told == {"method": "POST", "route": INGEST, "status": 200, "bytes": len(response.data)}
    assert vars(submitted)["ms"] >= 0
    assert read.getMessage() == "GET /v1/contributions 200"
    for record in caplog.records:
        assert "hush" not in str(vars(record))


def test_successful_requests_are_logged_only_with_access_log(
    client: FlaskClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client.get("/v1/health/")
    client.get("/v1/nothing")
    assert not caplog.records
    (settings.home / "chatlake.db").unlink()
    assert client.get("/v1/snapshots").status_code == 503
    (line,) = (record for record in caplog.records if hasattr(record, "route"))
    assert line.levelno == logging.WARNING
    assert line.getMessage() == "GET /v1/snapshots 503"
