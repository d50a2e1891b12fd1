"""Any WSGI application, answered part by part."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from flask import Flask, Response, send_file, url_for
from flask import request as flask_request

from app.api.errors import FAILURE
from app.edge.flask import FlaskAnswers
from app.edge.requests import ClientGone, Request
from app.edge.threads import Threads
from app.settings import Settings
from tests.app.edge.serving import Serving, request, serving
from tests.app.edge.test_requests import Exchange
from tests.app.ingest.polling import wait_until

GET = request("GET", "/")
LABEL: ContextVar[str] = ContextVar("label", default="none")
LARGE = b"x" * (4 * 1024 * 1024)

Serve = Callable[[Any], Serving]


class Body:
    """A body of parts, which notes that it was closed."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.closed = Event()
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        """Note it."""
        self.closed.set()


def wsgi(body: Body) -> Any:
    """Return an application that answers with a body."""

    def application(_environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return body

    return application


@pytest.fixture
def serve(settings: Settings) -> Iterator[Serve]:
    """Serves a WSGI application in one thread."""
    ends: list[Any] = []
    threads = Threads(1, "request")

    def start(application: Any) -> Serving:
        answers = FlaskAnswers(application, threads)

        async def edge(scope: Any, receive: Any, send: Any) -> None:
            made = Request(scope, receive, send)
            try:
                body = b"".join([piece async for piece in made.pieces(20, 20)])
                await answers.send(made, body)
            except ClientGone:
                pass

        ends.append(serving(edge, settings))
        return ends[-1].__enter__()  # type: ignore[no-any-return]

    yield start
    for end in ends:
        end.__exit__(None, None, None)
    threads.close()


@pytest.fixture
def shown(serve: Serve) -> Serving:
    """A Flask application that answers with what it knows of the request."""
    app = Flask("shown")

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
    @app.route("/<path:path>", methods=["GET", "POST"])
    def show(path: str) -> dict[str, Any]:
        return {
            "path": path,
            "query": flask_request.args.to_dict(flat=False),
            "headers": dict(flask_request.headers),
            "body": flask_request.get_data(as_text=True),
            "length": flask_request.content_length,
            "address": flask_request.remote_addr,
            "url": url_for("show", path="a", _external=True),
            "protocol": flask_request.environ["SERVER_PROTOCOL"],
        }

    return serve(app)


def test_a_request_arrives_as_it_was_sent(shown: Serving) -> None:
    headers = {"X-A": "1", "X_B": "2", "Content-Type": "text/plain"}
    seen = shown.exchange(request("POST", "/a%2Fb%20%C3%A9?x=%ff&x=%00&y", headers, b"body")).json
    assert seen["path"] == "a/b é"
    assert seen["query"] == {"x": ["%FF", "\x00"], "y": [""]}
    assert seen["headers"]["X-A"] == "1"
    # It could pass for X-B, which a proxy may have set.
    assert "X-B" not in seen["headers"]
    assert seen["headers"]["Content-Type"] == "text/plain"
    assert (seen["body"], seen["length"]) == ("body", 4)
    assert seen["address"] == "127.0.0.1"
    assert seen["url"] == "http://lake/a"


def test_headers_of_one_name_are_joined(shown: Serving) -> None:
    sent = b"GET / HTTP/1.1\r\nHost: lake\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
    assert shown.exchange(sent).json["headers"]["X-A"] == "1,2"


def test_a_body_in_chunks_arrives_whole(shown: Serving) -> None:
    head = request("POST", "/", {"Transfer-Encoding": "chunked"})
    seen = shown.exchange(head, b"2\r\nbo\r\n", b"2\r\ndy\r\n0\r\n\r\n").json
    assert (seen["body"], seen["length"]) == ("body", 4)
    assert "Transfer-Encoding" not in seen["headers"]


def test_without_a_host_the_servers_own_name_is_taken(shown: Serving) -> None:
    seen = shown.exchange(b"GET / HTTP/1.0\r\n\r\n").json
    assert seen["url"] == f"http://127.0.0.1:{shown.port}/a"
    assert seen["protocol"] == "HTTP/1.0"


def test_parts_are_sent_as_they_are_computed(serve: Serve) -> None:
    gate = Event()

    def parts() -> Iterator[bytes]:
        yield LARGE
        assert gate.wait(20)
        yield b""
        yield b"last"

    body = Body(parts())
    with serve(wsgi(body)).connect() as client:
        client.send(GET)
        assert "transfer-encoding: chunked" in client.receive_head()
        chunks = client._chunks()
        received = len(next(chunks))
        while received < len(LARGE):
            received += len(next(chunks))
        assert not body.closed.is_set()
        gate.set()
        assert b"".join(chunks) == b"last"
    assert body.closed.wait(20)


def test_small_parts_are_joined(serve: Serve) -> None:
    body = Body(iter([b"a", b"b", b"c"]))
    with serve(wsgi(body)).connect() as client:
        client.send(GET)
        client.receive_head()
        assert list(client._chunks()) == [b"abc"]


def test_all_parts_are_computed_in_one_context(serve: Serve) -> None:
    def parts() -> Iterator[bytes]:
        LABEL.set("mine")
        yield LARGE
        yield LABEL.get().encode()

    assert serve(wsgi(Body(parts()))).exchange(GET).body[-4:] == b"mine"
    assert LABEL.get() == "none"


def test_a_slow_reader_holds_no_thread(serve: Serve) -> None:
    bodies = [Body(iter([LARGE] * 4)), Body(iter([b"quick"]))]

    def application(environ: dict[str, str], start_response: Any) -> Body:
        start_response("200 OK", [])
        return bodies[environ["PATH_INFO"] == "/quick"]

    server = serve(application)
    with server.connect(receive_buffer_bytes=4096) as slow:
        slow.send(GET)
        slow.receive_head()
        # There is one thread, and the first answer isn't over.
        assert server.exchange(request("GET", "/quick")).body == b"quick"
        assert not bodies[0].closed.is_set()
    assert bodies[0].closed.wait(20)


def test_an_answer_ends_when_its_client_leaves(serve: Serve) -> None:
    def parts() -> Iterator[bytes]:
        while True:
            yield LARGE

    body = Body(parts())
    with serve(wsgi(body)).connect() as client:
        client.send(GET)
        client.receive_head()
    assert body.closed.wait(20)


def test_an_answer_that_nobody_wants_is_cut_off(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def parts() -> Iterator[bytes]:
        yield LARGE
        raise BrokenPipeError

    body = Body(parts())
    with caplog.at_level(logging.WARNING), serve(wsgi(body)).connect() as client:
        client.send(GET)
        client.receive_head()
        assert not client.receive_rest().endswith(b"0\r\n\r\n")
    assert body.closed.wait(20)
    assert caplog.records == []


def test_an_error_in_the_middle_is_logged_and_ends_the_connection(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def parts() -> Iterator[bytes]:
        yield LARGE
        raise ZeroDivisionError

    body = Body(parts())
    with serve(wsgi(body)).connect() as client:
        client.send(GET)
        client.receive_head()
        assert not client.receive_rest().endswith(b"0\r\n\r\n")
    assert body.closed.wait(20)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [
        ZeroDivisionError
    ]


def test_a_head_has_the_length_but_no_body(serve: Serve) -> None:
    app = Flask("app")
    app.get("/")(lambda: "text")
    with serve(app).connect() as client:
        client.send(request("HEAD", "/"))
        assert "content-length: 4" in client.receive_head()
        client.send(GET)
        assert client.receive().body == b"text"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_none(serve: Serve, status: int) -> None:
    app = Flask("app")
    app.get("/")(lambda: Response(status=status))
    with serve(app).connect() as client:
        for _ in range(2):
            client.send(GET)
            head = client.receive_head()
            assert head[0].startswith(f"HTTP/1.1 {status}")
            assert not any(line.startswith("transfer-encoding") for line in head)


def test_the_time_is_told_once(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"file")
    app = Flask("app")

    @app.get("/")
    def send() -> Response:
        response = send_file(file)
        response.date = datetime.now(UTC)
        return response

    with serve(app).connect() as client:
        client.send(GET)
        assert sum(line.startswith("date: ") for line in client.receive_head()) == 1


def test_a_failure_is_raised_by_the_application() -> None:
    raised: list[Exception] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        raised.append(environ[FAILURE])
        start_response("500 FAILED", [("Content-Length", "1")])
        return [b"x"]

    failure, exchange, threads = ZeroDivisionError(), Exchange(), Threads(1, "request")
    exchange.request.scope.update(
        {
            "server": None,
            "client": None,
            "raw_path": b"/",
            "query_string": b"",
            "http_version": "1.1",
            "scheme": "http",
        }
    )
    asyncio.run(FlaskAnswers(application, threads).send(exchange.request, failure=failure))
    threads.close()
    assert raised == [failure]
    assert [message.get("status", message.get("body")) for message in exchange.sent] == [500, b"x"]


def test_a_task_that_is_cancelled_closes_its_answer(serve: Serve) -> None:
    gate, entered = Event(), Event()

    def parts() -> Iterator[bytes]:
        entered.set()
        assert gate.wait(20)
        yield b"x"

    body = Body(parts())
    server = serve(wsgi(body))
    with server.connect() as client:
        client.send(GET)
        assert entered.wait(20)
        (task,) = server.server.server_state.tasks
        server.loop.call_soon_threadsafe(task.cancel)
        wait_until(lambda: not server.server.server_state.tasks, "the cancelled task")
        assert not body.closed.is_set()
        gate.set()
        assert body.closed.wait(20)
