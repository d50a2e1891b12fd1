import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask, request

from app import create_app
from app.services import services_of
from app.settings import Settings
from app.telemetry.logs import current_request
from tests.app.edge.serving import Serving
from tests.app.edge.serving import request as make_request
from tests.app.ingest.polling import wait_until
from tests.factories import make_submission

ONE = "/v1/ingest/chat"


@pytest.fixture
def app(settings: Settings, open_route: Callable[[str], None]) -> Iterator[Flask]:
    """The application with an access log, one proxy before it and views of the tests' own."""
    application = create_app(replace(settings, access_log=True, trusted_proxies=1))

    for path in ("/address", "/fails"):
        open_route(path)

    @application.get("/address")
    def address() -> str:
        logging.getLogger("app.test").warning("seen")
        return request.remote_addr or ""

    @application.get("/fails")
    def fail() -> str:
        raise ZeroDivisionError

    yield application
    services_of(application).close()


def test_the_address_of_a_client_comes_from_its_proxy(edge: Serving) -> None:
    sent = make_request("GET", "/address", {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"})
    assert edge.exchange(sent).body == b"203.0.113.7"


def test_each_request_has_its_line_under_its_id(
    edge: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[str, str]] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((record.getMessage(), str(current_request.get())))

    caplog.set_level(logging.INFO)
    logging.getLogger().addHandler(handler := Collect())
    body = str(make_submission()).replace("'", '"').encode()
    with edge.connect() as client:
        client.send(
            make_request("POST", ONE, {"X-Request-ID": "a"}, body)
            + make_request("POST", ONE, {"X-Request-ID": "b"}, b"{")
            + make_request("GET", "/address", {"X-Request-ID": "c"})
            + make_request("GET", "/fails", {"X-Request-ID": "d"})
        )
        assert [client.receive().status for _ in range(4)] == [200, 400, 200, 500]
    expected = {
        (f"POST {ONE} 200", "a"),
        (f"POST {ONE} 400", "b"),
        ("seen", "c"),
        ("GET /address 200", "c"),
        ("GET /fails 500", "d"),
    }
    wait_until(lambda: expected <= set(seen), "the lines")
    logging.getLogger().removeHandler(handler)


def test_an_error_keeps_the_id_that_was_made_for_its_request(edge: Serving) -> None:
    with edge.connect() as client:
        client.send(make_request("POST", ONE, {}, b"{") * 2)
        first, second = client.receive().headers, client.receive().headers
    assert first["x-request-id"] != second["x-request-id"]


def test_a_body_that_no_view_reads_is_not_waited_for(edge: Serving) -> None:
    for method, path, status in (
        ("POST", "/v1/nothing", 404),
        ("PUT", ONE, 405),
        ("GET", "/address", 200),
    ):
        with edge.connect() as client:
            client.send(make_request(method, path, {"Content-Length": "9"}))
            assert client.receive().status == status
            client.send(b"x" * 9 + make_request("GET", "/address"))
            assert client.receive().status == 200


def test_a_request_that_the_end_of_the_server_cancels_has_no_answer(
    edge: Serving, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """An error would say that the submission wasn't stored."""
    body = str(make_submission()).replace("'", '"').encode()
    with edge.connect() as client:
        client.send(make_request("POST", ONE, {"Prefer": "wait=20"}, body))
        wait_until(lambda: services_of(app).ingest.journal.backlog().entries, "the entry")
        (task,) = edge.server.server_state.tasks
        edge.loop.call_soon_threadsafe(task.cancel)
        assert client.receive_rest() == b""
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_application_alone_is_complete(app: Flask) -> None:
    client = app.test_client()
    assert client.post(ONE, json=make_submission()).status_code == 200
