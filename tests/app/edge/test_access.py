"""What the edge answers itself needs the same keys as everything else."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app.services import Services, services_of
from app.settings import Settings
from tests.app.edge.serving import Serving, edge_serving, request
from tests.factories import make_submission
from tests.lakes import opened_app

ONE = "/v1/ingest/chat"
MANY = "/v1/ingest/chats"
SQL = "/v1/sql"
BODY = json.dumps(make_submission(ingest_id="mine")).encode()
BODIES = {
    ONE: ({}, BODY),
    MANY: ({"Content-Type": "application/x-ndjson"}, BODY + b"\n"),
    SQL: ({"Content-Type": "application/json"}, b'{"query": "SELECT 1"}'),
}
ROLES = {ONE: "ingest", MANY: "ingest", SQL: "read"}


@pytest.fixture(scope="module")
def closed_app(shared_settings: Settings) -> Iterator[Flask]:
    """An application that needs keys for what the edge answers."""
    with opened_app(replace(shared_settings, ingest_access="keys", raw_access="keys")) as opened:
        yield opened


@pytest.fixture(scope="module")
def closed(closed_app: Flask) -> Iterator[Serving]:
    """A server of that application's edge."""
    with edge_serving(closed_app) as made:
        yield made


@pytest.fixture(scope="module")
def opened(shared_app: Flask) -> Iterator[Serving]:
    """A server of the edge of an application that is open to all, on the same lake."""
    with edge_serving(shared_app) as made:
        yield made


@pytest.fixture(scope="module")
def keys(shared_services: Services) -> dict[str, str]:
    """A key of each role, and one that isn't valid any more."""
    made = {
        role: shared_services.access.keys.create(role, role)
        for role in ("ingest", "read", "operate")
    }
    made["revoked"] = shared_services.access.keys.create("revoked", "operate")
    shared_services.access.keys.revoke("revoked")
    return made


def ask(server: Serving, path: str, *authorization: str) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of the answer to a request."""
    headers, body = BODIES[path]
    sent = request("POST", path, headers, body)
    lines = "".join(f"Authorization: {value}\r\n" for value in authorization).encode()
    answer = server.exchange(sent.replace(b"Host: lake\r\n", b"Host: lake\r\n" + lines, 1))
    return answer.status, answer.headers


@pytest.mark.parametrize("path", BODIES)
def test_what_is_closed_takes_its_role_only(
    closed: Serving, keys: dict[str, str], path: str
) -> None:
    for name, key in keys.items():
        expected = 200 if name in {ROLES[path], "operate"} else 401 if name == "revoked" else 403
        assert ask(closed, path, f"Bearer {key}")[0] == expected, name
    status, headers = ask(closed, path)
    assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="chatlake"')
    for wrong in ("Bearer clk_", "Basic YTpi", "Bearer other", "Bearer"):
        assert ask(closed, path, wrong)[0] == 401, wrong


@pytest.mark.parametrize("path", BODIES)
def test_what_is_open_refuses_only_keys_that_are_not_valid(
    opened: Serving, keys: dict[str, str], path: str
) -> None:
    for fine in ("Bearer other", "Basic YTpi", *(f"Bearer {keys[role]}" for role in ("read",))):
        assert ask(opened, path, fine)[0] == 200, fine
    for wrong in (keys["revoked"], "clk_", "clk_é"):
        assert ask(opened, path, f"bearer {wrong}")[0] == 401, wrong


@pytest.mark.parametrize("path", BODIES)
def test_two_headers_are_no_key(closed: Serving, keys: dict[str, str], path: str) -> None:
    key = f"Bearer {keys['operate']}"
    assert ask(closed, path, key, key)[0] == ask(closed, path, "Basic YTpi", key)[0] == 401


def test_another_spelling_of_the_path_needs_a_key_too(closed: Serving) -> None:
    for path in ("/v1/ingest/ch%61t", "//v1/ingest/chat", "/v1/ingest/chat/"):
        answer = closed.exchange(request("POST", path, {}, BODY))
        assert answer.status in {308, 401, 404}


def test_a_body_is_not_waited_for_without_a_key(closed: Serving) -> None:
    for path in BODIES:
        headers = {**BODIES[path][0], "Content-Length": "1000000"}
        assert closed.exchange(request("POST", path, headers)).status == 401


def test_a_known_key_costs_no_query(
    closed: Serving, closed_app: Flask, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(closed, ONE, f"Bearer {keys['ingest']}")

    def fail() -> NoReturn:
        raise OperationalError("", {}, Exception())

    known = services_of(closed_app).access.keys._known
    monkeypatch.setattr(known, "_read", fail)
    assert ask(closed, ONE, f"Bearer {keys['ingest']}")[0] == 200
    known._kept = None
    assert ask(closed, ONE, f"Bearer {keys['ingest']}")[0] == 503
