"""Submissions and uploads get the same answers from Flask alone and through the edge."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest
from backports import zstd
from flask import Flask
from flask.testing import FlaskClient

from app.settings import Settings
from tests.app.edge.serving import Serving, edge_serving, request
from tests.factories import UNGUESSABLE, make_submission

ONE = "/v1/ingest/chat"
MANY = "/v1/ingest/chats"
SQL = "/v1/sql"
NDJSON = {"Content-Type": "application/x-ndjson"}
MAX_BYTES = 100_000

# The server's own, and the policy of `app.site.policies`, which answers of Flask alone have.
_VARYING = {"date", "connection", "transfer-encoding", "content-security-policy"}


@dataclass(frozen=True)
class Case:
    """A request and the status of its answer."""

    status: int
    path: str = ONE
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"


def _submission(**fields: object) -> bytes:
    return json.dumps(make_submission(**{"ingest_id": UNGUESSABLE, **fields})).encode()


KEY = "clc_" + "Abcdefghij" * 4 + "xyz"
GOOD = _submission()
LARGE = _submission(x="x" * 70_000)
TOO_LARGE = b" " * MAX_BYTES + GOOD
LINES = GOOD + b"\n" + _submission(agent_id="other") + b"\n"
GUESSABLE = _submission(ingest_id="mine") + b"\n"
MIXED = LINES + b"no JSON\n{}\n"

CASES = {
    "plain": Case(200, body=GOOD),
    "without a type": Case(200, body=GOOD, headers={"Content-Type": ""}),
    "charset": Case(200, body=GOOD, headers={"Content-Type": "application/json; charset=utf-8"}),
    "other JSON": Case(200, body=GOOD, headers={"Content-Type": "application/ld+json"}),
    "request id": Case(200, body=GOOD, headers={"X-Request-ID": "mine-1"}),
    "unsafe request id": Case(200, body=GOOD, headers={"X-Request-ID": "no space"}),
    "unknown key": Case(200, body=_submission(unknown=1)),
    "large": Case(200, body=LARGE),
    "gzip": Case(200, body=gzip.compress(GOOD), headers={"Content-Encoding": "gzip"}),
    "zstd": Case(200, body=zstd.compress(GOOD), headers={"Content-Encoding": "ZSTD"}),
    "identity": Case(200, body=GOOD, headers={"Content-Encoding": "identity"}),
    "wait": Case(202, body=GOOD, headers={"Prefer": "wait=0"}),
    "guessable ids": Case(200, body=_submission(ingest_id="mine", submitter_id="me")),
    "key": Case(200, body=GOOD, headers={"Authorization": f"Bearer {KEY}"}),
    "the same key twice": Case(
        200, body=_submission(submitter_id=KEY), headers={"Authorization": f"bearer {KEY}"}
    ),
    "another key": Case(
        422, body=_submission(submitter_id=KEY[:-1]), headers={"Authorization": f"Bearer {KEY}"}
    ),
    "malformed key": Case(422, body=GOOD, headers={"Authorization": f"Bearer {KEY}x"}),
    "another token": Case(200, body=GOOD, headers={"Authorization": "Bearer x"}),
    "another preference": Case(200, body=GOOD, headers={"Prefer": "respond-async"}),
    "query": Case(200, ONE + "?a=b%00c", body=GOOD),
    "encoded path": Case(200, "/v1/ingest/ch%61t", body=GOOD),
    "empty": Case(400),
    "malformed": Case(400, body=b"{", headers={"X-Request-ID": "mine-2"}),
    "not UTF-8": Case(400, body=b'{"agent_id": "\xff"}'),
    "NaN": Case(400, body=b'{"agent_id": NaN}'),
    "invalid": Case(422, body=b'{"conversation": []}'),
    "wrong type": Case(415, body=GOOD, headers={"Content-Type": "text/plain"}),
    "wrong type and too large": Case(415, body=TOO_LARGE, headers={"Content-Type": "text/plain"}),
    "wrong encoding": Case(415, body=GOOD, headers={"Content-Encoding": "br"}),
    "too large": Case(413, body=TOO_LARGE),
    "too large when decompressed": Case(
        413, body=gzip.compress(TOO_LARGE), headers={"Content-Encoding": "gzip"}
    ),
    "no gzip": Case(400, body=GOOD, headers={"Content-Encoding": "gzip"}),
    "gzip that ends too soon": Case(
        400, body=gzip.compress(GOOD)[:-9], headers={"Content-Encoding": "gzip"}
    ),
    "GET": Case(405, method="GET"),
    "HEAD": Case(405, method="HEAD"),
    "OPTIONS": Case(200, method="OPTIONS", headers={"Access-Control-Request-Headers": "x"}),
    "DELETE with a body": Case(405, method="DELETE", body=GOOD),
    "upload": Case(200, MANY, LINES, NDJSON),
    "upload with a request id": Case(200, MANY, LINES, {**NDJSON, "X-Request-ID": "mine-3"}),
    "upload with wrong lines": Case(200, MANY, MIXED, NDJSON),
    "upload, gzip": Case(200, MANY, gzip.compress(LINES), {**NDJSON, "Content-Encoding": "gzip"}),
    "upload, zstd": Case(200, MANY, zstd.compress(LINES), {**NDJSON, "Content-Encoding": "zstd"}),
    "upload, wait": Case(202, MANY, LINES, {**NDJSON, "Prefer": "wait=0"}),
    "upload, key": Case(200, MANY, LINES, {**NDJSON, "Idempotency-Key": "key"}),
    "upload, contributor key": Case(200, MANY, LINES, {**NDJSON, "Authorization": f"Bearer {KEY}"}),
    "upload, another key": Case(
        200,
        MANY,
        LINES + _submission(submitter_id=KEY[:-1]) + b"\n",
        {**NDJSON, "Authorization": f"Bearer {KEY}"},
    ),
    "upload, malformed key": Case(422, MANY, LINES, {**NDJSON, "Authorization": "Bearer clc_x"}),
    "upload, guessable ids": Case(200, MANY, GUESSABLE, NDJSON),
    "upload, first of two modes": Case(200, MANY + "?mode=all-or-nothing&mode=x", LINES, NDJSON),
    "upload, refused": Case(422, MANY + "?mode=all-or-nothing", MIXED, NDJSON),
    "upload, all wrong": Case(422, MANY, b"{}\n", NDJSON),
    "upload, empty": Case(422, MANY, b"", NDJSON),
    "upload, line too long": Case(413, MANY, TOO_LARGE, NDJSON),
    "upload, wrong type": Case(415, MANY, LINES, {"Content-Type": "application/json"}),
    "upload, no type": Case(415, MANY, LINES, {"Content-Type": ""}),
    "upload, wrong encoding": Case(415, MANY, LINES, {**NDJSON, "Content-Encoding": "br"}),
    "upload, no gzip": Case(400, MANY, LINES, {**NDJSON, "Content-Encoding": "gzip"}),
    "upload, wrong mode": Case(422, MANY + "?mode=x", LINES, NDJSON),
    "upload, unknown parameter": Case(422, MANY + "?moed=x", LINES, NDJSON),
    "upload, empty mode": Case(422, MANY + "?mode=", LINES, NDJSON),
    "upload, odd mode": Case(422, MANY + "?mode=%ff%00", LINES, NDJSON),
    "upload, wrong key": Case(422, MANY, LINES, {**NDJSON, "Idempotency-Key": "x" * 300}),
    "upload, empty key": Case(422, MANY, LINES, {**NDJSON, "Idempotency-Key": ""}),
    "query in SQL": Case(200, SQL, b'{"query": "SELECT 1"}'),
    "query in SQL, too large": Case(413, SQL, b" " * 2_000_000),
    "query in SQL, empty": Case(400, SQL),
    "unknown path with a body": Case(404, "/v1/nothing", GOOD),
    "read-only catalog": Case(403, "/iceberg/v1/namespaces", b"{}"),
}


@pytest.fixture(scope="module")
def shared_settings(shared_settings: Settings) -> Settings:
    """Settings with a small limit for bodies."""
    return replace(shared_settings, max_body_bytes=MAX_BYTES)


@pytest.fixture(scope="module")
def edge(shared_app: Flask) -> Iterator[Serving]:
    """A server of the edge, before a lake that has what would be a repetition the second time."""
    shared_app.test_client().post(ONE, data=GOOD)
    shared_app.test_client().post(MANY, data=GUESSABLE, headers=NDJSON)
    with edge_serving(shared_app) as made:
        yield made


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_both_fronts_give_the_same_answer(
    case: Case, shared_client: FlaskClient, edge: Serving
) -> None:
    headers = {"Content-Type": "application/json", **case.headers}
    body = case.body if case.body or case.method == "POST" else None
    with edge.connect() as connection:
        connection.send(request(case.method, case.path, headers, body))
        if case.method == "HEAD":
            status = int(connection.receive_head()[0].split()[1])
            assert status == shared_client.head(case.path).status_code == case.status
            return
        through_edge = connection.receive()
    alone = shared_client.open(case.path, method=case.method, data=case.body, headers=headers)
    assert (through_edge.status, alone.status_code) == (case.status, case.status), alone.text
    sent_id = headers.get("X-Request-ID")
    varying = _VARYING if sent_id and sent_id.startswith("mine") else {*_VARYING, "x-request-id"}
    ours = {name.lower(): value for name, value in alone.headers if name.lower() not in varying}
    assert {n: v for n, v in through_edge.headers.items() if n not in varying} == ours
    assert through_edge.body == alone.data
    has_id = bool(sent_id and sent_id.startswith("mine")) or case.status >= 400
    assert ("x-request-id" in through_edge.headers) == has_id == ("X-Request-ID" in alone.headers)


@pytest.mark.slow
def test_every_route_that_documents_a_body_gets_it_from_the_edge(
    shared_client: FlaskClient, edge: Serving
) -> None:
    """Other routes get an answer before their bodies have come."""
    paths = shared_client.get("/openapi.json").get_json()["paths"]
    documented = {path for path, operations in paths.items() if "requestBody" in str(operations)}
    assert documented > {ONE, MANY, SQL}
    expecting = {"Content-Length": "2", "Expect": "100-continue"}
    for path in documented:
        is_keyed = path.startswith(("/v1/moderation", "/v1/takedowns"))
        with edge.connect() as connection:
            connection.send(
                request("POST", path, {**NDJSON, **expecting})
                if path == MANY
                else request("POST", path.replace("{contribution_id}", str(uuid4())), expecting)
            )
            assert connection.receive_head() == ["HTTP/1.1 100 Continue"]
            connection.send(b"{}")
            assert connection.receive().status == (401 if is_keyed else 422)
