"""Limits of clients whose requests the edge answers; `tests/app/api/test_limits.py` has others."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from app.services import Services, services_of
from app.settings import Settings
from tests.app.edge.serving import Answer, Serving, edge_serving, request
from tests.factories import make_submission
from tests.lakes import opened_app

ONE = "/v1/ingest/chat"
MANY = "/v1/ingest/chats"
BODY = json.dumps(make_submission()).encode()
LINE = BODY + b"\n"
NDJSON = {"Content-Type": "application/x-ndjson"}
DIRECT: dict[str, str] = {}
BY_VIEW = {"X-Request-ID": "mine"}


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Refusals aren't delayed, except where a test is about that."""
    with patch("app.api.limits._MAX_DELAY_S", 0.0):
        yield


@contextmanager
def limited_edge(settings: Settings, **limits: int) -> Iterator[tuple[Serving, Services]]:
    """Serve the edge with these settings within the block."""
    with (
        opened_app(Settings.at(settings.home, **limits)) as app,
        edge_serving(app) as edge,
    ):
        yield edge, services_of(app)


def submit(edge: Serving, headers: dict[str, str]) -> Answer:
    return edge.exchange(request("POST", ONE, headers, BODY))


@pytest.mark.parametrize("headers", [DIRECT, BY_VIEW])
def test_submissions_are_limited_on_the_event_loop(
    settings: Settings, headers: dict[str, str]
) -> None:
    with limited_edge(settings, submissions_per_minute=2, rows_per_day=100) as (edge, services):
        assert submit(edge, headers).status == 200
        answer = submit(edge, headers)
        assert answer.headers["ratelimit"] == '"submissions";r=0;t=30, "rows";r=98;t=864'
        assert answer.headers["ratelimit-policy"].startswith('"submissions";q=2;w=60')
        refused = submit(edge, headers)
        assert (refused.status, refused.headers["retry-after"]) == (429, "30")
        assert refused.json["code"] == 429
        assert refused.headers["ratelimit"] == '"submissions";r=0;t=30'
        assert services.journal.backlog().contributions == 2


def test_both_ways_of_the_edge_and_flask_take_from_one_bucket(settings: Settings) -> None:
    with limited_edge(settings, submissions_per_minute=2, reads_per_minute=1) as (edge, _):
        assert submit(edge, DIRECT).status == 200
        assert submit(edge, BY_VIEW).status == 200
        assert submit(edge, DIRECT).status == 429
        assert submit(edge, BY_VIEW).status == 429
        assert edge.exchange(request("GET", "/v1/releases")).status == 200
        assert edge.exchange(request("GET", "/v1/releases")).status == 429
        assert edge.exchange(request("GET", "/v1/health/")).status == 200


@pytest.mark.parametrize("headers", [DIRECT, BY_VIEW, {"Content-Encoding": "gzip"}])
def test_the_bytes_of_submissions_count_once_and_after_decompression(
    settings: Settings, headers: dict[str, str]
) -> None:
    body = gzip.compress(BODY) if headers.get("Content-Encoding") else BODY
    limits = {"bytes_per_day": 10_000, "max_body_bytes": 10_000}
    with limited_edge(settings, **limits) as (edge, _):
        most = 10_000 // len(BODY)
        for _ in range(most):
            answer = edge.exchange(request("POST", ONE, headers, body))
        assert answer.headers["ratelimit"].startswith(f'"bytes";r={10_000 - most * len(BODY)};')


def test_a_direct_answer_tells_of_limits_once_half_of_one_is_used(settings: Settings) -> None:
    with limited_edge(settings, submissions_per_minute=4) as (edge, _):
        told = ["ratelimit" in submit(edge, DIRECT).headers for _ in range(4)]
    assert told == [False, False, True, True]


@pytest.mark.parametrize("limit", ["rows_per_day", "bytes_per_day"])
def test_an_upload_past_a_quota_stores_nothing(settings: Settings, limit: str) -> None:
    size = {"rows_per_day": 1, "bytes_per_day": len(LINE)}[limit]
    limits = {limit: 10 * size, "max_body_bytes": len(LINE)}
    with limited_edge(settings, **limits) as (edge, services):
        refused = edge.exchange(request("POST", MANY, NDJSON, LINE * 11))
        assert refused.status == 429
        assert f"{limit} = {10 * size}" in refused.json["message"]
        assert services.journal.backlog().contributions == 0
        assert not list(settings.home.rglob("*.parquet"))


def test_uploads_are_limited_before_their_bodies_come(settings: Settings) -> None:
    with limited_edge(settings, uploads_per_minute=1, rows_per_day=100) as (edge, _):
        answer = edge.exchange(request("POST", MANY, NDJSON, LINE * 7))
        assert answer.headers["ratelimit"].startswith('"uploads";r=0;t=60, "rows";r=93;')
        head = request("POST", MANY, {**NDJSON, "Content-Length": "1000000"})
        assert edge.exchange(head).status == 429


def test_queries_are_limited_before_their_bodies_come(settings: Settings) -> None:
    with limited_edge(settings, costly_reads_per_minute=1) as (edge, _):
        answer = edge.exchange(request("POST", "/v1/sql", DIRECT, b"no JSON"))
        assert (answer.status, answer.headers["ratelimit"]) == (400, '"costly_reads";r=0;t=60')
        assert edge.exchange(request("POST", "/v1/sql", {"Content-Length": "1000"})).status == 429


def test_every_request_of_a_connection_counts(settings: Settings) -> None:
    one = request("POST", ONE, DIRECT, BODY)
    old = one.replace(b"HTTP/1.1", b"HTTP/1.0")
    with limited_edge(settings, submissions_per_minute=3) as (edge, _), edge.connect() as client:
        client.send(one + one + one + one)
        assert [client.receive().status for _ in range(4)] == [200, 200, 200, 429]
        assert edge.exchange(old).status == 429


@pytest.mark.parametrize("headers", [DIRECT, BY_VIEW])
def test_without_trusted_proxies_nobody_is_somebody_else_by_a_header(
    settings: Settings, headers: dict[str, str]
) -> None:
    with limited_edge(settings, submissions_per_minute=1) as (edge, _):
        statuses = [
            submit(edge, {**headers, "X-Forwarded-For": f"192.0.2.{number}"}).status
            for number in range(3)
        ]
    assert statuses == [200, 429, 429]


@pytest.mark.parametrize("headers", [DIRECT, BY_VIEW])
def test_behind_a_proxy_the_last_address_is_the_client(
    settings: Settings, headers: dict[str, str]
) -> None:
    limits = {"submissions_per_minute": 1, "trusted_proxies": 1}
    with limited_edge(settings, **limits) as (edge, _):
        seen = [
            submit(edge, {**headers, "X-Forwarded-For": forwarded}).status
            for forwarded in (
                "192.0.2.1",
                "192.0.2.2",
                # The first addresses are what the client itself sent to the proxy.
                "192.0.2.77, 192.0.2.1",
                "::ffff:192.0.2.1",
                "2001:db8:1:2::1",
                "2001:db8:1:2::2",
                "2001:db8:1:3::1",
            )
        ]
    assert seen == [200, 200, 429, 429, 200, 429, 200]


def test_a_refusal_is_delayed(settings: Settings) -> None:
    waited = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    with (
        patch("app.api.limits._MAX_DELAY_S", 0.5),
        patch("app.edge.flask.sleep", sleep),
        limited_edge(settings, submissions_per_minute=1) as (edge, _),
    ):
        assert submit(edge, DIRECT).status == 200
        assert not waited
        assert submit(edge, DIRECT).status == 429
        assert waited == [0.5]
