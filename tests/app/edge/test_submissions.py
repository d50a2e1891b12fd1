import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from threading import Event, Thread
from typing import Any, NoReturn
from unittest.mock import patch

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app.api.guards import Admission, guards_of
from app.edge.bodies import Bodies
from app.services import Services
from app.settings import Settings
from tests.app.edge.serving import Connection, Serving, edge_serving, request
from tests.app.ingest.polling import wait_until
from tests.app.telemetry.test_metrics import value
from tests.factories import UNGUESSABLE, make_submission

URL = "/v1/ingest/chat"
BODY = json.dumps(make_submission(ingest_id=UNGUESSABLE)).encode()
LARGE = json.dumps(make_submission("x" * 100_000)).encode()
COMPRESSED = {"Content-Encoding": "gzip"}
DIRECT: dict[str, str] = {}
BY_VIEW = {"X-Request-ID": "mine"}
"""A header for which a view answers a submission that would be answered directly without it."""


def _raising(error: Exception, once: Event | None = None) -> Callable[..., NoReturn]:
    """Return a function that raises an error, once something has happened."""

    def fail(*_: object) -> NoReturn:
        assert once is None or once.wait(20)
        raise error

    return fail


@pytest.fixture
def memory(app: Flask) -> Admission:
    """The memory for bodies."""
    return guards_of(app).bodies


@pytest.fixture
def committing(services: Services) -> Iterator[None]:
    """Commits all the time."""
    over = Event()

    def commit() -> None:
        while not over.wait(0.01):
            services.jobs.committer().drain()

    thread = Thread(target=commit)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("committing")
def test_a_wait_is_answered_with_the_snapshot(edge: Serving) -> None:
    for _ in range(2):
        answer = edge.exchange(request("POST", URL, {"Prefer": "wait=20"}, BODY))
        assert answer.status == 200
        assert set(answer.json) == {"ingest_id", "contribution_id", "snapshot_id", "owned"}
        assert answer.headers["preference-applied"] == "wait=20"


def test_nobody_waits_where_nobody_may(settings: Settings, app: Flask) -> None:
    vars(settings)["max_waiting"] = 0
    with edge_serving(app) as edge:
        answer = edge.exchange(request("POST", URL, {"Prefer": "wait=20"}, BODY))
    assert answer.status == 202
    assert "preference-applied" not in answer.headers


def test_one_who_waits_holds_no_memory(edge: Serving, memory: Admission) -> None:
    with edge.connect() as client:
        client.send(request("POST", URL, {"Prefer": "wait=1"}, LARGE))
        answer = client.receive()
        assert answer.status == 202
    assert memory.held == 0


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, LARGE, 200),
        ({}, LARGE[:-1], 400),
        (COMPRESSED, gzip.compress(LARGE), 200),
        (COMPRESSED, gzip.compress(LARGE)[:-1], 400),
        ({"Content-Type": "text/plain"}, LARGE, 415),
    ],
)
def test_memory_is_given_back_however_a_request_ends(
    edge: Serving, memory: Admission, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert edge.exchange(request("POST", URL, headers, body)).status == status
    assert memory.held == 0


def test_large_bodies_but_one_are_refused_while_as_many_are_held_as_may(
    edge: Serving, memory: Admission
) -> None:
    one = request("POST", URL, {}, LARGE)
    with edge.connect() as client:
        client.send(one[:-1])
        wait_until(lambda: memory.held, "the body that isn't refused")
        with memory.holding(memory.maximum - memory.held):
            for sent in (one, request("POST", URL, COMPRESSED, gzip.compress(LARGE))):
                answer = edge.exchange(sent)
                assert (answer.status, answer.headers["retry-after"]) == (429, "1")
                assert "max_bodies_bytes" in answer.json["message"]
            for sent in (
                request("POST", URL, {}, BODY),
                request("POST", URL, COMPRESSED, gzip.compress(BODY)),
            ):
                assert edge.exchange(sent).status == 200
            client.send(one[-1:])
            assert client.receive().status == 200


@pytest.mark.parametrize("is_reset", [True, False])
def test_a_client_that_leaves_in_its_body_stores_nothing(
    edge: Serving, services: Services, memory: Admission, is_reset: bool
) -> None:
    with edge.connect() as client:
        client.send(request("POST", URL, {}, LARGE)[:-1])
        if not is_reset:
            client.end_sending()
            answer = client.receive()
            assert (answer.status, answer.headers["connection"]) == (400, "close")
            assert "before its Content-Length" in answer.json["message"]
    edge.stop()
    assert memory.held == 0
    assert services.ingest.journal.backlog().entries == 0


def test_a_body_that_does_not_come_in_time_is_refused(settings: Settings, app: Flask) -> None:
    vars(settings)["body_timeout_s"] = 0.1
    with edge_serving(app) as edge:
        answer = edge.exchange(request("POST", URL, {"Content-Length": "9"}, b"{"))
    assert answer.status == 408
    assert "0.1 s" in answer.json["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Content-Type": "text/plain"}, 415), ({"Content-Length": "999999999"}, 413)],
)
def test_what_is_refused_at_once_is_not_asked_for_its_body(
    edge: Serving, headers: dict[str, str], status: int
) -> None:
    expecting = {"Content-Length": "9", "Expect": "100-continue", **headers}
    answer = edge.exchange(request("POST", URL, expecting))
    assert answer.status == status
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("error", "status"),
    [(OperationalError("x", None, Exception("secret")), 503), (ZeroDivisionError(), 500)],
)
@pytest.mark.parametrize("headers", [DIRECT, BY_VIEW])
def test_a_failure_is_answered_with_the_envelope(
    edge: Serving,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    error: Exception,
    status: int,
) -> None:
    monkeypatch.setattr(services.ingest.journal.appends, "_write", _raising(error))
    answer = edge.exchange(request("POST", URL, headers, BODY))
    assert answer.status == status
    assert answer.headers["x-request-id"]
    assert set(answer.json) == {"code", "status", "message", "errors"}
    assert b"secret" not in answer.body


@pytest.mark.parametrize("headers", [DIRECT, BY_VIEW])
def test_every_submission_of_a_failed_group_is_answered(
    edge: Serving,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
) -> None:
    # All of a group get the same exception, with a traceback through all of their coroutines.
    error, sent = OperationalError("x", None, Exception("away")), Event()
    monkeypatch.setattr(services.ingest.journal.appends, "_write", _raising(error, once=sent))
    with ExitStack() as opened:
        clients = [opened.enter_context(edge.connect()) for _ in range(16)]
        for client in clients:
            client.send(request("POST", URL, headers, BODY))
        sent.set()
        assert {client.receive().status for client in clients} == {503}


def test_submissions_are_counted_by_what_became_of_them(edge: Serving) -> None:
    def counts() -> list[float]:
        rejected = "rejected_submissions_total"
        return [
            value("accepted_contributions_total"),
            value("repeated_submissions_total"),
            *(value(rejected, reason=why) for why in ("malformed", "invalid", "unsupported")),
            value("request_seconds_count", method="POST", route=URL, status="200"),
        ]

    before = counts()
    for body in (BODY, BODY, b"{", b"{}"):
        edge.exchange(request("POST", URL, {}, body))
    edge.exchange(request("POST", URL, {"Content-Type": "text/plain"}, BODY))
    expected = [was + 1 for was in before[:-1]] + [before[-1] + 2]
    # A request is counted when its answer was sent.
    wait_until(lambda: counts() == expected, "the counts")


def test_many_submissions_on_many_connections_are_all_taken(
    edge: Serving, services: Services
) -> None:
    clients = [Connection(edge.port) for _ in range(50)]
    for client in clients:
        client.send(request("POST", URL, {}, json.dumps(make_submission()).encode()) * 4)
    assert {client.receive().status for client in clients for _ in range(4)} == {200}
    for client in clients:
        client.close()
    assert services.ingest.journal.backlog().contributions == 200


PLAIN = {
    "usual": ({}, [BODY]),
    "with a type": ({"Content-Type": "application/json"}, [BODY]),
    "with a host of headers": ({f"X-{i}": "1" for i in range(99)}, [BODY]),
}
OTHERS = {
    "in two pieces": ({}, [BODY[:40], BODY[40:]]),
    "compressed": (COMPRESSED, [gzip.compress(BODY)]),
    "waiting": ({"Prefer": "wait=0"}, [BODY]),
    "with an id": (BY_VIEW, [BODY]),
    "expecting": ({"Expect": "100-continue"}, [BODY]),
    "with another type of JSON": ({"Content-Type": "application/chat+json"}, [BODY]),
    "large": ({}, [LARGE]),
    "with an unknown key": ({}, [BODY[:-1] + b', "x": 1}']),
}


@pytest.mark.parametrize(
    ("headers", "pieces", "is_direct"),
    [(*each, True) for each in PLAIN.values()] + [(*each, False) for each in OTHERS.values()],
    ids=[*PLAIN, *OTHERS],
)
def test_plain_submissions_that_came_whole_start_no_task(
    edge: Serving,
    services: Services,
    headers: dict[str, str],
    pieces: list[bytes],
    is_direct: bool,
) -> None:
    given = {"Content-Length": str(sum(map(len, pieces))), **headers}
    receive = Bodies.receive
    with patch.object(Bodies, "receive", autospec=True, side_effect=receive) as by_view:
        with edge.connect() as client:
            client.send(request("POST", URL, given) + pieces[0])
            for piece in pieces[1:]:
                wait_until(lambda: by_view.called, "the view to read the body")
                client.send(piece)
            if "Expect" in headers:
                assert "100" in client.receive_head()[0]
            assert client.receive().status in {200, 202}
        assert by_view.called != is_direct
    assert services.ingest.journal.backlog().contributions == 1


def test_a_client_that_leaves_before_its_direct_answer_has_stored_its_submission(
    edge: Serving, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, left, written = services.ingest.journal, Event(), Event()

    def write(items: Sequence[Any]) -> object:
        assert left.wait(20)
        result = type(journal)._append_group(journal, items)
        written.set()
        return result

    monkeypatch.setattr(journal.appends, "_write", write)
    with edge.connect() as client:
        client.send(request("POST", URL, {}, BODY))
        wait_until(lambda: journal.appends._thread, "the submission to be taken")
    left.set()
    assert written.wait(20)
    assert edge.exchange(request("POST", URL, {}, BODY)).status == 200
    assert journal.backlog().contributions == 1


def test_what_fails_while_a_submission_is_taken_is_answered(
    edge: Serving, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.ingest.intake, "decode_plain", _raising(ZeroDivisionError()))
    with edge.connect() as client:
        for _ in range(2):
            client.send(request("POST", URL, {}, BODY))
            assert client.receive().status == 500
