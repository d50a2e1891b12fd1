import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app import create_app
from app.api.errors import STATUS
from app.services import Services
from app.settings import Settings
from app.site import atlas
from catalog.errors import LakeError
from tests.factories import make_submission

INGEST = "/v1/ingest/chat"
WORDS = "the words of a conversation"


def check_envelope(response: TestResponse, status: int) -> dict[str, Any]:
    """Check that an answer is the envelope, and return it."""
    assert response.status_code == status
    assert response.content_type == "application/json"
    body: dict[str, Any] = response.get_json()
    assert set(body) == {"code", "status", "message", "errors"}
    assert body["code"] == status
    assert body["status"] == response.status.partition(" ")[2].title()
    assert body["message"]
    assert isinstance(body["errors"], dict)
    return body


def break_journal(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.home / "chatlake.db")) as connection:
        connection.execute("DROP TABLE journal")


def test_invalid_json_is_refused_with_the_place_of_the_mistake(client: FlaskClient) -> None:
    body = check_envelope(client.post(INGEST, data=b'{"agent_id": }'), 400)
    assert "line 1 column 14" in body["message"]
    assert body["errors"] == {}


@pytest.mark.parametrize(
    "path",
    ["/v1/nothing", "/nothing", "/v1/snapshots/1", "/v1/releases/none", "/v1/contributions/x"],
)
def test_an_unknown_path_is_404_in_the_envelope(client: FlaskClient, path: str) -> None:
    assert check_envelope(client.get(path), 404)["errors"] == {}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", INGEST, {"POST", "OPTIONS"}),
        ("DELETE", "/v1/contributions", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/v1/releases", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_with_the_allowed_methods(
    client: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    response = client.open(path, method=method)
    check_envelope(response, 405)
    assert set(response.headers["Allow"].split(", ")) == allowed


def test_a_limit_is_answered_by_its_name(client: FlaskClient) -> None:
    submission = make_submission()
    submission["extra"] = {str(number): number for number in range(1001)}
    body = check_envelope(client.post(INGEST, json=submission), 413)
    assert "max_object_keys = 1000" in body["message"]


def test_an_unsupported_type_is_answered_in_the_envelope(client: FlaskClient) -> None:
    check_envelope(client.post(INGEST, data=b"<a/>", content_type="application/xml"), 415)


def test_a_wrong_submission_is_answered_by_field(client: FlaskClient) -> None:
    submission = make_submission("one", "two")
    submission["agent_id"] = None
    submission["conversation"][1]["rating"] = "great"
    body = check_envelope(client.post(INGEST, json=submission), 422)
    assert set(body["errors"]) == {"agent_id", "conversation"}
    assert set(body["errors"]["conversation"]) == {"1"}
    assert set(body["errors"]["conversation"]["1"]) == {"rating"}


def test_wrong_parameters_are_answered_by_name(client: FlaskClient) -> None:
    body = check_envelope(client.get("/v1/contributions?limit=0&rating=x&sauce=y"), 422)
    assert set(body["errors"]) == {"limit", "rating", "sauce"}


def test_an_unexpected_error_is_logged_and_tells_nothing(
    app: Flask, open_route: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise RuntimeError(WORDS)

    open_route("/v1/fail")
    app.add_url_rule("/v1/fail", "fail", fail)
    body = check_envelope(app.test_client().get("/v1/fail"), 500)
    assert WORDS not in str(body)
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)


def test_a_database_that_cannot_be_reached_is_answered_as_not_now(
    new_settings: Settings,
) -> None:
    folder = new_settings.home / "a folder.db"
    folder.mkdir(parents=True)
    gone = Settings.at(new_settings.home, database_url=f"sqlite:///{folder}")
    client = create_app(gone).test_client()
    for response in (client.post(INGEST, json=make_submission()), client.get("/v1/snapshots")):
        check_envelope(response, 503)
        assert int(response.headers["Retry-After"]) >= 1


def test_a_lake_without_its_migrations_is_answered_as_not_now(new_settings: Settings) -> None:
    new_settings.home.mkdir()
    client = create_app(new_settings).test_client()
    for path in ("/v1/contributions", "/v1/snapshots", "/v1/ready", "/v1/contributions?tag=x"):
        check_envelope(client.get(path), 503)


def test_no_word_of_a_conversation_is_answered_or_logged_when_the_journal_fails(
    client: FlaskClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    break_journal(settings)
    response = client.post(INGEST, json=make_submission(WORDS, submitter_id="ada-lovelace"))
    assert "Retry-After" in response.headers
    assert "try again" in check_envelope(response, 503)["message"]
    assert "OperationalError" in caplog.text
    assert "no such table: journal" in caplog.text
    for told in (response.text, caplog.text):
        assert WORDS not in told
        assert "ada-lovelace" not in told


def test_the_parameters_of_a_failed_statement_are_not_logged(
    app: Flask,
    services: Services,
    open_route: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> str:
        with services.database.write() as connection:
            connection.execute(text("INSERT INTO nowhere VALUES (:words)"), {"words": WORDS})
        raise AssertionError

    open_route("/v1/fail")
    app.add_url_rule("/v1/fail", "fail", fail)
    response = app.test_client().get("/v1/fail")
    check_envelope(response, 503)
    assert "no such table: nowhere" in caplog.text
    assert "Traceback" not in caplog.text
    assert WORDS not in caplog.text + response.text


def test_a_failed_submission_can_be_sent_again(
    client: FlaskClient, settings: Settings, services: Services
) -> None:
    with closing(sqlite3.connect(settings.home / "chatlake.db")) as connection:
        connection.execute("ALTER TABLE journal RENAME TO away")
        assert client.post(INGEST, json=make_submission(ingest_id="my-chat")).status_code == 503
        connection.execute("ALTER TABLE away RENAME TO journal")
    assert client.post(INGEST, json=make_submission(ingest_id="my-chat")).status_code == 200
    assert services.ingest.journal.backlog().entries == 1


def test_every_error_of_ours_has_a_status() -> None:
    kinds = {LakeError}
    for _ in range(5):
        kinds |= {child for kind in kinds for child in kind.__subclasses__()}
    ours = {kind for kind in kinds if kind.__module__.startswith(("app.", "catalog."))}
    assert len(ours) > 10
    for kind in ours:
        assert any(parent in STATUS for parent in kind.__mro__)


def test_maps_without_their_viewer_are_answered_as_not_now(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atlas, "find_spec", lambda _: None)
    atlas.asset_files.cache_clear()
    body = check_envelope(client.get("/atlas/1/index.html"), 503)
    assert "embedding-atlas" in body["message"]


def test_a_file_that_is_gone_is_a_failure_and_not_a_missing_resource(
    client: FlaskClient, services: Services, settings: Settings
) -> None:
    client.post(INGEST, json=make_submission())
    services.jobs.committer().drain()
    for file in (settings.home / "warehouse").rglob("*.parquet"):
        file.unlink()
    check_envelope(client.get("/v1/contributions"), 503)
