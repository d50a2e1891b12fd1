"""Headers that every answer has, whichever part of the service answers."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.services import Services
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received, make_submission

INGEST = "/v1/ingest/chat"
ORIGIN = {"Origin": "https://somewhere.example"}
FILE = "/v1/releases/first/files/manifest.json"
ANSWERS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", FILE, {}, 200),
    ("GET", FILE, {"headers": {"Range": "bytes=0-3"}}, 206),
    ("GET", FILE, {"headers": {"If-None-Match": "*"}}, 304),
    ("GET", FILE, {"headers": {"If-Match": '"another"'}}, 412),
    ("GET", FILE, {"headers": {"Range": "bytes=9999999-"}}, 416),
    ("HEAD", FILE, {}, 200),
    ("GET", "/v1/contributions", {"headers": {"Accept": "application/x-ndjson"}}, 200),
    ("POST", "/v1/ingest/chat", {"json": make_submission()}, 200),
    ("POST", "/v1/ingest/chat", {"json": make_submission(), "headers": {"Prefer": "wait=0"}}, 202),
    ("POST", "/v1/ingest/chat", {"json": {}}, 422),
    ("OPTIONS", "/v1/ingest/chat", {}, 200),
    ("GET", "/v1/ingest/chat", {}, 405),
    ("GET", "/v1/health/", {}, 200),
    ("GET", "/openapi.json", {}, 200),
    ("GET", "/iceberg/v1/config", {}, 200),
    ("GET", "/docs", {}, 308),
    ("GET", "/docs/", {}, 200),
    ("GET", "/docs/swagger-ui.css", {}, 200),
    ("GET", "/maps/", {}, 200),
    ("GET", "/", {}, 200),
    ("GET", "/none", {}, 404),
    ("GET", "/fails", {}, 500),
]


def test_a_page_of_any_origin_may_submit_but_never_with_credentials(client: FlaskClient) -> None:
    response = client.post(INGEST, json=make_submission(), headers=ORIGIN)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("header", ["content-type", "content-encoding", "prefer"])
def test_a_preflight_allows_the_headers_of_a_submission(client: FlaskClient, header: str) -> None:
    asked = {
        **ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": header,
    }
    response = client.options(INGEST, headers=asked)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert header in response.headers["Access-Control-Allow-Headers"].lower()
    methods = response.headers["Access-Control-Allow-Methods"].split(", ")
    assert {"POST", "DELETE"} <= set(methods)
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/snapshots/x", 422), ("/v1/nothing", 404), (INGEST, 405), ("/v1/health/", 200)],
)
def test_a_page_can_read_errors_too(client: FlaskClient, path: str, status: int) -> None:
    response = client.get(path, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_page_can_read_the_headers_that_answers_carry(client: FlaskClient) -> None:
    response = client.get("/v1/contributions", headers=ORIGIN)
    exposed = {
        name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")
    }
    assert {"Chatlake-Snapshot-Id", "Link", "Retry-After", "ETag"} <= exposed


@pytest.fixture
def site(app: Flask, services: Services, open_route: Callable[[str], None]) -> FlaskClient:
    """A client of a service with a release, and with a page that fails."""
    services.publishing.releases.build(make_recipe(), commit_batch(services, make_received()))

    open_route("/fails")

    @app.get("/fails")
    def fail() -> str:
        raise RuntimeError

    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


@pytest.mark.slow
def test_every_answer_forbids_sniffing_of_its_content_type(site: FlaskClient) -> None:
    for method, path, asked, status in ANSWERS:
        answer = site.open(path, method=method, buffered=True, **asked)
        assert answer.status_code == status, (method, path)
        assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"], (method, path)


@pytest.mark.parametrize("path", ["/docs", "/maps", "/v1/health"])
def test_a_redirect_to_a_slash_names_no_host(client: FlaskClient, path: str) -> None:
    asked = f"{path}?a=b%0d%0ac"
    answer = client.get(asked, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    assert answer.status_code == 308
    assert answer.headers["Location"] == f"{path}/?a=b%0d%0ac"
    assert "evil" not in answer.text
