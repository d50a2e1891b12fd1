"""Limits of clients whose requests the edge answers; `tests/app/api/test_limits.py` has others."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from app.services import Services, services_of
from app.settings import Settings
from app.telemetry import metrics
from tests.app.edge.serving import Answer, Serving, edge_serving, request
from tests.app.telemetry.test_metrics import growth, value
from tests.factories import make_submission
from tests.lakes import opened_app

ONE = "/v1/ingest/chat"
MANY = "/v1/ingest/chats"
BODY = json.dumps(make_submission()).encode()
LINE = BODY + b"\n"
NDJSON = {"Content-Type": "application/x-ndjson"}
DIRECT: dict[str, str] = {}
BY_VIEW = {"X-Request-ID": "mine"}
ADA = "0a4ea3d3-a0f1-4d1f-8f5b-a40e4d2b7d3e"
BOB = "7d3e8f5b-a40e-4d2b-8a0f-10a4ea3d4d1f"


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
        assert services.ingest.journal.backlog().contributions == 2


def test_both_ways_of_the_edge_and_flask_take_from_one_bucket(settings: Settings) -> None:
    with limited_edge(settings, submissions_per_minute=2, reads_per_minute=1) as (edge, _):
        assert submit(edge, DIRECT).status == 200
        assert submit(edge, BY_VIEW).status == 200
        assert submit(edge, DIRECT).status == 429
        assert submit(edge, BY_VIEW).status == 429
        assert edge.exchange(request("GET", "/v1/releases")).status == 200
        assert edge.exchange(request("GET", "/v1/releases")).status == 429
        assert edge.exchange(request("GET", "/v1/health/")).status == 200


@pytest.mark.slow
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
        assert services.ingest.journal.backlog().contributions == 0
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


@pytest.mark.parametrize("path", ["/v1/stats", "//v1/stats", "/v1/st%61ts"])
def test_a_path_in_another_form_has_the_same_limit(settings: Settings, path: str) -> None:
    with limited_edge(settings, costly_reads_per_minute=1) as (edge, _):
        assert edge.exchange(request("GET", path)).status == 200
        assert edge.exchange(request("GET", path)).status == 429


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
                "2001:db8:1:200::1",
                "2001:db8:1:2ff::2",
                "2001:db8:1:300::1",
            )
        ]
    assert seen == [200, 200, 429, 429, 200, 429, 200]


@pytest.mark.parametrize("headers", [DIRECT, BY_VIEW])
def test_a_refusal_is_delayed(settings: Settings, headers: dict[str, str]) -> None:
    waited = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    with (
        patch("app.api.limits._MAX_DELAY_S", 0.5),
        patch("app.edge.answers.sleep", sleep),
        limited_edge(settings, submissions_per_minute=1) as (edge, _),
    ):
        assert submit(edge, DIRECT).status == 200
        assert not waited
        assert submit(edge, headers).status == 429
        assert len(waited) == 1
        assert 0.25 <= waited[0] <= 0.5


def test_a_refusal_by_flask_is_delayed(settings: Settings) -> None:
    waited = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    with (
        patch("app.api.limits._MAX_DELAY_S", 0.5),
        patch("app.edge.flask.sleep", sleep),
        limited_edge(settings, reads_per_minute=1) as (edge, _),
    ):
        # Errors of the catalog have a form of their own.
        statuses = [edge.exchange(request("GET", "/iceberg/v1/config")).status for _ in range(2)]
        assert statuses == [200, 429]
        assert len(waited) == 1
        assert 0.25 <= waited[0] <= 0.5


@pytest.mark.parametrize("path", ["/v1/releases", "/v1/no/such/route", "/v1/contributions"])
def test_the_event_loop_refuses_as_flask_does(settings: Settings, path: str) -> None:
    with limited_edge(settings, reads_per_minute=1) as (edge, _):
        assert edge.exchange(request("GET", path)).status != 429
        told = edge.exchange(request("GET", path, {"X-Request-ID": "mine"}))
        with patch("app.edge.application.can_refuse", lambda _: False):
            by_flask = edge.exchange(request("GET", path, {"X-Request-ID": "mine"}))
    assert told.status == by_flask.status == 429
    assert told.json == by_flask.json
    # Flask writes JSON with spaces, and a policy for pages.
    differing = {"content-length", "content-security-policy", "date"}
    assert {name: told.headers[name] for name in told.headers.keys() - differing} == {
        name: by_flask.headers[name] for name in by_flask.headers.keys() - differing
    }
    assert told.headers["x-request-id"] == "mine"


def test_refusals_are_observed(settings: Settings) -> None:
    def ask() -> None:
        with limited_edge(settings, reads_per_minute=1, submissions_per_minute=1) as (edge, _):
            for _ in range(2):
                edge.exchange(request("GET", "/v1/releases"))
                edge.exchange(request("GET", "/v1/releases/none"))
                submit(edge, DIRECT)
        metrics.publish()

    def count(route: str, method: str) -> float:
        labels = {"route": route, "method": method, "status": "429"}
        return value("request_seconds_count", **labels)

    seen = {("/v1/releases", "GET"): 1, ("none", "none"): 2, ("/v1/ingest/chat", "POST"): 1}
    before = {each: count(*each) for each in seen}
    assert growth(ask, "rejected_submissions_total", reason="busy") == 1
    assert {each: count(*each) - before[each] for each in seen} == seen


def make_key(services: Services, name: str, **limits: int) -> dict[str, str]:
    """Make a key, and return the header that has it."""
    text = services.access.keys.create(name, "operate", limits=limits)
    return {"Authorization": f"Bearer {text}"}


def test_a_request_with_a_key_counts_for_the_key_and_not_for_the_address(
    settings: Settings,
) -> None:
    limits = {
        "submissions_per_minute": 1,
        "reads_per_minute": 1,
        "key_submissions_per_minute": 3,
        "key_reads_per_minute": 2,
    }
    with limited_edge(settings, **limits) as (edge, services):
        importer, other = make_key(services, "importer"), make_key(services, "other")
        assert [submit(edge, importer).status for _ in range(4)] == [200, 200, 200, 429]
        assert submit(edge, other).status == 200
        assert [submit(edge, DIRECT).status for _ in range(2)] == [200, 429]
        refused = submit(edge, importer)
        assert "key_submissions_per_minute = 3" in refused.json["message"]
        assert "requests with your API key" in refused.json["message"]
        assert refused.headers["ratelimit"].startswith('"key_submissions";r=0;t=')
        reads = [request("GET", "/v1/releases", headers) for headers in (importer, DIRECT)]
        assert [edge.exchange(reads[0]).status for _ in range(3)] == [200, 200, 429]
        assert [edge.exchange(reads[1]).status for _ in range(2)] == [200, 429]


def test_a_key_that_is_not_valid_counts_for_the_address(settings: Settings) -> None:
    wrong = {"Authorization": f"Bearer clk_{16 * '0'}_{64 * '0'}"}
    with limited_edge(settings, submissions_per_minute=1, reads_per_minute=2) as (edge, _):
        assert submit(edge, wrong).status == 401
        assert submit(edge, wrong).status == 429
        statuses = [edge.exchange(request("GET", "/v1/releases", wrong)).status for _ in range(3)]
        assert statuses == [401, 401, 429]


def test_where_no_key_is_looked_at_the_address_counts(settings: Settings) -> None:
    with limited_edge(settings, reads_per_minute=1, key_reads_per_minute=9) as (edge, services):
        key = make_key(services, "key")
        statuses = [edge.exchange(request("GET", "/docs/", key)).status for _ in range(2)]
        assert statuses == [200, 429]


def test_a_keys_own_limits_hold_without_any_setting(settings: Settings) -> None:
    with limited_edge(settings) as (edge, services):
        key = make_key(services, "key", submissions_per_minute=1, reads_per_minute=2)
        assert [submit(edge, key).status for _ in range(2)] == [200, 429]
        reads = [edge.exchange(request("GET", "/v1/releases", key)).status for _ in range(3)]
        assert reads == [200, 200, 429]
        assert submit(edge, DIRECT).status == 200
        services.access.keys.limit("key", {"submissions_per_minute": 0})
        assert submit(edge, key).status == 200


def by(submitter_id: str) -> bytes:
    return json.dumps(make_submission(submitter_id=submitter_id)).encode()


@pytest.mark.parametrize("headers", [DIRECT, BY_VIEW, {"Content-Encoding": "gzip"}])
def test_a_contributor_is_limited_from_whatever_address(
    settings: Settings, headers: dict[str, str]
) -> None:
    limits = {"contributor_submissions_per_minute": 2, "trusted_proxies": 1}
    with limited_edge(settings, **limits) as (edge, services):

        def send(submitter_id: str, address: str) -> Answer:
            body = by(submitter_id)
            if "Content-Encoding" in headers:
                body = gzip.compress(body)
            return edge.exchange(
                request("POST", ONE, {**headers, "X-Forwarded-For": address}, body)
            )

        assert [send(ADA, f"192.0.2.{number}").status for number in range(2)] == [200, 200]
        refused = send(ADA, "192.0.2.9")
        contributor_id = services.access.ids.contributor_id(ADA)
        assert refused.status == 429
        assert f"by the contributor {contributor_id}" in refused.json["message"]
        assert refused.headers["ratelimit"] == '"contributor_submissions";r=0;t=30'
        assert send(BOB, "192.0.2.9").status == 200


def test_a_contributor_of_a_key_is_another_one_and_has_the_limits_of_the_key(
    settings: Settings,
) -> None:
    with limited_edge(settings, contributor_rows_per_day=1) as (edge, services):
        importer = make_key(services, "importer", contributor_rows_per_day=2)

        def send(headers: dict[str, str]) -> int:
            return edge.exchange(request("POST", ONE, headers, by(ADA))).status

        assert [send(DIRECT) for _ in range(2)] == [200, 429]
        assert [send(importer) for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("limit", ["rows", "bytes"])
def test_each_line_of_an_upload_counts_for_its_contributor(settings: Settings, limit: str) -> None:
    # The wrong line counts for nobody.
    sent = [by(ADA), by(BOB), b"{}", by(ADA), BODY, by(ADA)]
    quota = 3 if limit == "rows" else 3 * len(by(ADA))
    limits = {f"contributor_{limit}_per_day": quota, "max_body_bytes": len(by(ADA))}
    with limited_edge(settings, **limits) as (edge, services):

        def upload(*lines: bytes) -> Answer:
            return edge.exchange(request("POST", MANY, NDJSON, b"\n".join(lines)))

        answer = upload(*sent)
        assert answer.status == 200
        assert answer.json["accepted"] == 5
        assert answer.headers["ratelimit"].startswith(f'"contributor_{limit}";r=0;')
        refused = upload(by(BOB), by(ADA))
        assert refused.status == 429
        assert services.access.ids.contributor_id(ADA) in refused.json["message"]
        assert services.ingest.journal.backlog().contributions == 5
        assert upload(by(BOB)).status == 200
