"""Limits of clients by Flask alone; `tests/app/edge/test_meters.py` has those of the edge."""

import json
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from time import thread_time
from typing import Any, Final, NoReturn

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api import limits
from app.api.limits import _TOKEN_S, LIMITS
from app.query.sql.slots import LOCK_FILE_NAME, Slots
from app.services import services_of
from app.settings import Settings
from catalog.errors import SnapshotNotFound
from tests.factories import make_submission
from tests.lakes import LakeTemplate, opened_app

MINUTE: Final = {
    "submissions_per_minute": 2,
    "uploads_per_minute": 2,
    "reads_per_minute": 2,
    "costly_reads_per_minute": 2,
}
NDJSON: Final = {"Content-Type": "application/x-ndjson"}
LINE: Final = json.dumps(make_submission()).encode() + b"\n"
COSTLY: Final = {
    "/explore/facets",
    "/explore/download/<form>",
    "/v1/contributions/count",
    "/v1/stats",
    "/v1/snapshots/<before>/diff/<after>",
    "/v1/releases/<name>/diff/<other>",
    "/v1/sql",
    "/snapshots/<before>/diff/<after>",
    "/releases/<name>/diff/<other>",
    "/sql/download/<form>",
    "/me/download/<form>",
}
_addresses: Final = ip_network("198.18.0.0/16").hosts()
UNLIMITED: Final = {"/v1/health/", "/v1/ready", "/metrics"}


@pytest.fixture(scope="module")
def limited_app(
    tmp_path_factory: pytest.TempPathFactory, lake_template: LakeTemplate
) -> Iterator[Flask]:
    """An application whose clients may ask twice of each kind; each test has its own address."""
    home = tmp_path_factory.mktemp("limited") / "home"
    lake_template.copy(home)
    with opened_app(Settings.at(home, **MINUTE, rows_per_day=1_000)) as app:
        yield app


@pytest.fixture
def limited(limited_app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client with an address of its own, whom no read costs more than its first token."""
    # The first read of a process takes as long as two on a busy machine.
    monkeypatch.setattr(limits, "_TOKEN_S", 60)
    client = limited_app.test_client()
    client.environ_base["REMOTE_ADDR"] = str(next(_addresses))
    return client


def submit(client: FlaskClient, **options: Any) -> TestResponse:
    return client.post("/v1/ingest/chat", json=make_submission(), **options)


def items(header: str) -> Mapping[str, Mapping[str, str]]:
    """Return a header's parameters by the names of its items."""
    parts = [item.split(";") for item in header.split(", ")]
    return {
        name.strip('"'): dict(parameter.split("=") for parameter in parameters)
        for name, *parameters in parts
    }


def test_every_limit_of_the_table_is_a_route_of_the_application(app: Flask) -> None:
    assert LIMITS.keys() <= {rule.rule for rule in app.url_map.iter_rules()}


def test_each_route_takes_of_the_limit_of_its_cost(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        expected = "reads"
        if rule.rule in COSTLY:
            expected = "costly_reads"
        elif rule.rule == "/v1/ingest/chat":
            expected = "submissions"
        elif rule.rule == "/v1/ingest/chats":
            expected = "uploads"
        found = LIMITS.get(rule.rule, "reads")
        assert found == (None if rule.rule in UNLIMITED else expected), rule


@pytest.mark.parametrize(
    ("method", "path", "options", "limit"),
    [
        ("POST", "/v1/ingest/chat", {"json": make_submission()}, "submissions"),
        ("POST", "/v1/ingest/chats", {"data": LINE, "headers": NDJSON}, "uploads"),
        ("GET", "/v1/contributions", {}, "reads"),
        ("HEAD", "/v1/contributions", {}, "reads"),
        ("GET", "/v1/contributions", {"headers": {"Accept": "application/json"}}, "reads"),
        ("GET", "/v1/contributions", {"headers": {"Accept": "image/png"}}, "reads"),
        ("GET", "/v1/contributions", {"headers": {"Accept": "text/csv"}}, "costly_reads"),
        (
            "GET",
            "/v1/contributions",
            {"headers": {"Accept": "text/csv, application/json;q=0.1"}},
            "costly_reads",
        ),
        ("HEAD", "/v1/contributions/count", {}, "costly_reads"),
        ("GET", "/v1/stats?by=day", {}, "costly_reads"),
        ("GET", "/v1/stats?nonsense", {}, "costly_reads"),
        ("POST", "/v1/sql", {"data": b"no JSON"}, "costly_reads"),
        ("GET", "/v1/snapshots/1/diff/2", {}, "costly_reads"),
        ("GET", "/v1/releases/one/diff/other", {}, "costly_reads"),
        ("GET", "/v1/releases/one/diff/other/more", {}, "reads"),
        ("GET", "/v1/me/contributions", {"headers": {"Accept": "text/csv"}}, "costly_reads"),
        ("GET", "/v1/changes", {}, "reads"),
        ("GET", "/", {}, "reads"),
        ("GET", "/docs/", {}, "reads"),
        ("GET", "/iceberg/v1/config", {}, "reads"),
        ("GET", "/no/such/page", {}, "reads"),
        ("GET", "/v1/stats/", {}, "reads"),
        ("GET", "/v1/ingest/chat", {}, "reads"),
        ("BREW", "/v1/ingest/chat", {}, "reads"),
        # A browser asks whether a page may submit; the page hasn't yet.
        ("OPTIONS", "/v1/ingest/chat", {}, "reads"),
    ],
)
def test_a_request_takes_of_one_limit(
    limited: FlaskClient, method: str, path: str, options: dict[str, Any], limit: str
) -> None:
    for left in ("1", "0"):
        answer = limited.open(path, method=method, **options)
        answer.close()
        assert answer.status_code != 429
        assert items(answer.headers["RateLimit"])[limit]["r"] == left
    refused = limited.open(path, method=method, **options)
    assert refused.status_code == 429
    assert items(refused.headers["RateLimit"]).keys() == {limit}


def test_a_refusal_has_the_envelope_and_says_when_to_come_again(limited: FlaskClient) -> None:
    submit(limited)
    submit(limited)
    refused = submit(limited)
    assert refused.json is not None
    assert refused.json["code"] == 429
    assert refused.json["status"] == "Too Many Requests"
    assert "submissions_per_minute = 2" in refused.json["message"]
    assert refused.headers["Retry-After"] == "30"
    assert refused.headers["RateLimit"] == '"submissions";r=0;t=30'
    assert refused.headers["RateLimit-Policy"] == '"submissions";q=2;w=60'


def test_answers_tell_of_every_limit_that_they_came_up_to(limited: FlaskClient) -> None:
    answer = submit(limited)
    assert items(answer.headers["RateLimit"]) == {
        "submissions": {"r": "1", "t": "30"},
        "rows": {"r": "999", "t": "87"},
    }
    assert answer.headers["RateLimit-Policy"] == (
        '"submissions";q=2;w=60, "rows";q=1000;qu="rows";w=86400'
    )


def test_pages_of_other_origins_may_read_the_headers(limited: FlaskClient) -> None:
    exposed = submit(limited).headers["Access-Control-Expose-Headers"].split(", ")
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)


def test_whoever_is_limited_still_reaches_the_health(limited: FlaskClient) -> None:
    for _ in range(3):
        limited.get("/v1/releases")
    assert limited.get("/v1/releases").status_code == 429
    for _ in range(5):
        assert limited.get("/v1/health/").status_code == 200


def test_the_catalog_refuses_in_its_own_form(limited: FlaskClient) -> None:
    for _ in range(2):
        limited.get("/iceberg/v1/config")
    refused = limited.get("/iceberg/v1/config")
    assert refused.status_code == 429
    assert refused.json is not None
    assert refused.json["error"]["code"] == 429
    assert refused.headers["Retry-After"] == "30"


def test_an_upload_past_the_quota_of_rows_stores_nothing(
    limited: FlaskClient, limited_app: Flask
) -> None:
    before = services_of(limited_app).ingest.journal.backlog().contributions
    refused = limited.post("/v1/ingest/chats", data=LINE * 1_001, headers=NDJSON)
    assert refused.status_code == 429
    assert refused.json is not None
    assert "rows_per_day = 1000" in refused.json["message"]
    assert services_of(limited_app).ingest.journal.backlog().contributions == before
    assert limited.post("/v1/ingest/chats", data=LINE, headers=NDJSON).status_code == 200


@pytest.mark.parametrize("path", ["/v1/ingest/chat", "/v1/ingest/chats"])
def test_a_contribution_counts_for_its_contributor(settings: Settings, path: str) -> None:
    ada, bob = ("0a4ea3d3-a0f1-4d1f-8f5b-a40e4d2b7d3e", "7d3e8f5b-a40e-4d2b-8a0f-10a4ea3d4d1f")
    with opened_app(Settings.at(settings.home, contributor_rows_per_day=2)) as app:
        client = app.test_client()

        def send(submitter_id: str) -> TestResponse:
            body = json.dumps(make_submission(submitter_id=submitter_id))
            content_type = "application/json" if path.endswith("chat") else "application/x-ndjson"
            return client.post(path, data=body, content_type=content_type)

        assert [send(ada).status_code for _ in range(3)] == [200, 200, 429]
        assert services_of(app).access.ids.contributor_id(ada) in send(ada).get_json()["message"]
        answer = send(bob)
        assert items(answer.headers["RateLimit"])["contributor_rows"]["r"] == "1"


def test_without_limits_answers_have_no_such_headers(client: FlaskClient) -> None:
    answer = submit(client)
    assert answer.status_code == 200
    assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers.keys())


@pytest.fixture
def narrow(settings: Settings) -> Iterator[FlaskClient]:
    """A client that reads once at a time, or twice with a key."""
    places = {"reads_at_once": 1, "key_reads_at_once": 2}
    with opened_app(Settings.at(settings.home, **places)) as app:
        yield app.test_client()


STREAM: Final = {"Accept": "application/x-ndjson"}


def test_a_client_has_few_reads_at_once_and_a_stream_is_one_until_it_was_sent(
    narrow: FlaskClient,
) -> None:
    submit(narrow)
    stream = narrow.get("/v1/contributions", headers=STREAM)
    assert stream.status_code == 200
    refused = narrow.get("/v1/stats?by=day")
    assert refused.status_code == 429
    assert refused.json is not None
    assert "reads_at_once = 1" in refused.json["message"]
    assert refused.headers["Retry-After"] == "1"
    for path in ("/v1/contributions", "/v1/contributions/count", "/v1/snapshots/1/diff/2"):
        assert narrow.get(path).status_code == 429
    assert narrow.post("/v1/sql", json={"query": "SELECT 1"}).status_code == 429
    # What doesn't read the lake goes on, and others have places of their own.
    assert narrow.get("/v1/releases").status_code == 200
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    assert narrow.get("/v1/contributions/count", environ_overrides=elsewhere).status_code == 200
    stream.close()
    for _ in range(3):
        assert narrow.get("/v1/stats?by=day").status_code == 200


def test_a_read_is_charged_for_its_processor_time(
    limited_app: Flask, limited: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expensive(*_: object, **__: object) -> NoReturn:
        until = thread_time() + 0.06
        while thread_time() < until:
            pass
        raise SnapshotNotFound("1")

    monkeypatch.setattr(limits, "_TOKEN_S", _TOKEN_S)
    monkeypatch.setattr(services_of(limited_app).reading.snapshots, "view", expensive)
    answer = limited.get("/v1/contributions")
    assert answer.status_code == 404
    # One token when it began, and another for the first 50 ms.
    assert items(answer.headers["RateLimit"])["reads"]["r"] == "0"
    assert limited.get("/v1/releases").status_code == 429


def test_reads_with_a_key_hold_places_of_the_key(narrow: FlaskClient) -> None:
    key = services_of(narrow.application).access.keys.create("engine", "read")
    headers = {"Authorization": f"Bearer {key}", **STREAM}
    streams = [narrow.get("/v1/contributions", headers=headers) for _ in range(2)]
    assert [stream.status_code for stream in streams] == [200, 200]
    refused = narrow.get("/v1/contributions", headers=headers)
    assert refused.json is not None
    assert "key_reads_at_once = 2" in refused.json["message"]
    assert narrow.get("/v1/contributions", headers=STREAM).status_code == 200
    for stream in streams:
        stream.close()


def test_queries_of_a_key_do_not_wait_for_those_of_its_address(
    limited: FlaskClient, limited_app: Flask
) -> None:
    services = services_of(limited_app)
    key = services.access.keys.create("analyst", "read")
    address = limited.environ_base["REMOTE_ADDR"]
    slots = Slots(services.settings.home / LOCK_FILE_NAME, 2, 1)
    query = {"query": "SELECT 1"}
    with slots.take(f"address:{address}"):
        assert limited.post("/v1/sql", json=query).status_code == 429
        with_key = {"Authorization": f"Bearer {key}"}
        assert limited.post("/v1/sql", json=query, headers=with_key).status_code == 200
