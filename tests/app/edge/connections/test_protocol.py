"""Connections by hand: what uvicorn's protocol leaves open, and the limits for clients."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest

from app.api.reads import CLIENT
from app.edge.connections.heads import MAX_HEAD_BYTES
from app.edge.connections.protocol import Protocol
from app.settings import Settings
from tests.app.edge.serving import Application, Serving, request, serving
from tests.app.ingest.polling import wait_until

START = {"type": "http.response.start", "status": 200}
HEAD = [(b"content-length", b"2")]
GET = request("GET", "/")
LARGE = b"x" * (4 * 1024 * 1024)

Serve = Callable[..., Serving]


async def answer_ok(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer at once, and read no body."""
    await send({**START, "headers": HEAD})
    await send({"type": "http.response.body", "body": b"ok"})


async def echo(_scope: Any, receive: Any, send: Any) -> None:
    """Answer the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({**START, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Gated:
    """An application that answers once its gate is open."""

    def __init__(self) -> None:
        self.clients: list[Any] = []
        self.entered = Event()
        self.gate = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer "ok" after the gate was opened."""
        self.clients.append(scope["state"][CLIENT])
        self.entered.set()
        await self.gate.wait()
        await answer_ok(scope, receive, send)


@pytest.fixture
def serve(settings: Settings) -> Iterator[Serve]:
    """Serves an application with some settings until the test ends."""
    running: list[AbstractContextManager[Serving]] = []

    def start(application: Application, **values: Any) -> Serving:
        running.append(serving(application, replace(settings, **values)))
        return running[-1].__enter__()

    yield start
    for server in running:
        server.__exit__(None, None, None)


def test_a_connection_takes_one_request_after_the_other(serve: Serve) -> None:
    with serve(echo).connect() as client:
        for number in range(3):
            client.send(request("POST", "/", body=b"%d" % number))
            assert client.receive().body == b"%d" % number


def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    with serve(echo).connect() as client:
        client.send(b"".join(request("POST", "/", body=b"%d" % number) for number in range(9)))
        assert [client.receive().body for _ in range(9)] == [b"%d" % i for i in range(9)]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02 / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: lake\r\n\r\n",
        b"GET / HTTP/1.2\r\nHost: lake\r\n\r\n",
        b"CONNECT lake:80 HTTP/1.1\r\nHost: lake\r\n\r\n",
        request("POST", "/", {"Content-Length": "1", "Transfer-Encoding": "chunked"}, b"x"),
        b"POST / HTTP/1.1\r\nHost: lake\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST / HTTP/1.1\r\nHost: lake\r\nContent-Length: +1\r\n\r\nx",
    ],
)
def test_a_malformed_request_is_answered_with_the_envelope(serve: Serve, sent: bytes) -> None:
    with serve(answer_ok).connect() as client:
        client.send(sent)
        answer = client.receive()
        assert answer.status == 400
        assert set(answer.json) == {"code", "status", "message", "errors"}
        assert answer.headers["connection"] == "close"
        assert answer.headers["access-control-allow-origin"] == "*"
        client.end_sending()
        assert client.receive_rest() == b""


def test_what_is_malformed_after_a_request_does_not_take_its_answer(serve: Serve) -> None:
    gated = Gated()
    server = serve(gated)
    with server.connect() as client:
        client.send(GET, b"\x00\x01\x02\r\n\r\n")
        wait_until(lambda: gated.clients and gated.clients[0].has_left, "the error")
        server.loop.call_soon_threadsafe(gated.gate.set)
        answer = client.receive()
        assert (answer.body, answer.headers["connection"]) == (b"ok", "close")
        assert client.receive_rest() == b""


def test_a_client_that_sends_no_more_gets_its_answer(serve: Serve) -> None:
    with serve(echo).connect() as client:
        client.send(request("POST", "/", body=b"all"))
        client.end_sending()
        assert client.receive().body == b"all"
        assert client.receive_rest() == b""


def test_a_request_knows_that_its_client_has_left(serve: Serve) -> None:
    gated = Gated()
    server = serve(gated)
    with server.connect() as client:
        client.send(GET)
        assert gated.entered.wait(20)
        assert not gated.clients[0].has_left
        assert gated.clients[0].fileno() > 0
        client.end_sending()
        wait_until(lambda: gated.clients[0].has_left, "the half-closed connection")
        assert not gated.clients[0].is_gone
        server.loop.call_soon_threadsafe(gated.gate.set)
        assert client.receive().body == b"ok"
        wait_until(lambda: gated.clients[0].is_gone, "the closed connection")


def test_a_head_that_breaks_off_is_answered(serve: Serve) -> None:
    with serve(answer_ok).connect() as client:
        client.send(GET[:-2])
        client.end_sending()
        answer = client.receive()
        assert (answer.status, answer.json["message"]) == (400, "the request broke off")


def test_a_head_that_does_not_come_in_time_is_answered(serve: Serve) -> None:
    with serve(answer_ok, idle_timeout_s=0.2).connect() as client:
        client.send(GET[:-2])
        answer = client.receive()
        assert (answer.status, answer.json["status"]) == (408, "Request Timeout")
        assert client.receive_rest() == b""


def test_a_client_that_sends_nothing_is_left(serve: Serve) -> None:
    with serve(answer_ok, idle_timeout_s=0.2).connect() as client:
        assert client.receive_rest() == b""


def test_after_an_answer_a_client_has_the_idle_time_for_its_next_request(
    serve: Serve, settings: Settings
) -> None:
    server = serve(answer_ok)
    with server.connect() as client:
        client.send(GET)
        client.receive()
        (connection,) = server.server.server_state.connections
        assert isinstance(connection, Protocol)
        assert connection.timeout_keep_alive == settings.idle_timeout_s


def test_a_client_that_sends_nothing_after_an_answer_is_left(serve: Serve) -> None:
    with serve(answer_ok, idle_timeout_s=0.2).connect() as client:
        client.send(GET)
        assert client.receive().body == b"ok"
        assert client.receive_rest() == b""


def test_a_timer_that_was_set_before_the_last_answer_closes_nothing(serve: Serve) -> None:
    server = serve(answer_ok)
    ended = Event()

    def connection() -> Protocol:
        (only,) = server.server.server_state.connections
        assert isinstance(only, Protocol)
        return only

    def end_timer() -> None:
        connection()._unset_keepalive_if_required()
        connection().timeout_keep_alive_handler()
        ended.set()

    with server.connect() as client:
        for _ in range(2):
            client.send(GET)
            assert client.receive().body == b"ok"
            ended.clear()
            server.loop.call_soon_threadsafe(end_timer)
            assert ended.wait(20)
        assert connection().timeout_keep_alive_task is not None


@pytest.mark.parametrize("sent", [b"", GET[:-2], GET])
def test_one_connection_too_many_ends_the_longest_idle_one(serve: Serve, sent: bytes) -> None:
    server = serve(answer_ok, max_connections=2)
    connections = server.server.server_state.connections
    with server.connect() as oldest, server.connect() as older, server.connect() as newest:
        wait_until(lambda: len(connections) == 2, "the end of the first connection")
        assert oldest.receive_rest() == b""
        older.send(GET)
        assert older.receive().body == b"ok"
        # Now this is the one that was idle for less time.
        newest.send(sent)
        if sent == GET:
            assert newest.receive().body == b"ok"
            older.send(GET)
            assert older.receive().body == b"ok"
        with server.connect() as another:
            another.send(GET)
            assert another.receive().body == b"ok"
            assert newest.receive_rest() == b""
            older.send(GET)
            assert older.receive().body == b"ok"


def test_no_connection_ends_while_its_request_is_answered(serve: Serve) -> None:
    gated = Gated()
    server = serve(gated, max_connections=1)
    with server.connect() as client:
        client.send(GET)
        assert gated.entered.wait(20)
        # The reset may come before the client notices that it was connected.
        with suppress(ConnectionResetError), server.connect() as another:
            assert another.receive_rest() == b""
        server.loop.call_soon_threadsafe(gated.gate.set)
        assert client.receive().body == b"ok"


def test_an_endless_head_is_refused(serve: Serve) -> None:
    with serve(answer_ok).connect() as client:
        client.send(GET[:-2])
        # The first piece of a head isn't counted, and uvloop reads 256 KiB at once.
        client.send(b"X: " + b"x" * (MAX_HEAD_BYTES + 256 * 1024))
        assert client.receive().status == 431


def test_an_endless_head_behind_a_request_ends_the_input(serve: Serve) -> None:
    gated = Gated()
    server = serve(gated)
    with server.connect() as client:
        client.send(GET)
        assert gated.entered.wait(20)
        client.send(GET[:-2])
        client.send(b"X: " + b"x" * (MAX_HEAD_BYTES + 256 * 1024))
        wait_until(lambda: gated.clients[0].has_left, "the end of the input")
        server.loop.call_soon_threadsafe(gated.gate.set)
        assert client.receive().body == b"ok"


def test_a_large_body_and_the_next_head_are_no_endless_head(serve: Serve) -> None:
    body = b"x" * (3 * MAX_HEAD_BYTES)
    with serve(answer_ok).connect() as client:
        for _ in range(3):
            client.send(request("POST", "/", body=body) + GET)
            assert client.receive().body == client.receive().body == b"ok"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_gets_an_early_answer_though_it_goes_on_sending(
    serve: Serve, version: str
) -> None:
    head = f"POST / HTTP/{version}\r\nConnection: close\r\nContent-Length: {len(LARGE)}\r\n\r\n"
    with serve(answer_ok).connect() as client:
        client.send(head.encode(), LARGE)
        assert client.receive().body == b"ok"
        client.end_sending()
        assert client.receive_rest() == b""


def test_after_an_early_answer_the_connection_goes_on_behind_the_body(serve: Serve) -> None:
    with serve(answer_ok).connect() as client:
        client.send(request("POST", "/", body=LARGE))
        assert client.receive().body == b"ok"
        client.send(GET)
        assert client.receive().body == b"ok"


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_the_rest_of_a_body_has_to_come_in_time(serve: Serve, connection: str) -> None:
    server = serve(answer_ok, idle_timeout_s=0.2)
    with server.connect() as client:
        client.send(request("POST", "/", {"Content-Length": "9", "Connection": connection}))
        assert client.receive().body == b"ok"
        assert client.receive_rest() == b""
        wait_until(lambda: not server.server.server_state.connections, "the closed connection")


def test_an_offer_of_another_protocol_is_ignored(serve: Serve) -> None:
    """As Java's clients make it, also with bodies and before further requests."""
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAEA"}
    post = request("POST", "/", offer, b"body")
    with serve(echo).connect() as client:
        client.send(post + request("GET", "/", offer) + post)
        assert [client.receive().body for _ in range(3)] == [b"body", b"", b"body"]
        for piece in (post[:40], post[40:-2], post[-2:]):
            client.send(piece)
        assert client.receive().body == b"body"


def test_many_offers_of_another_protocol_at_once_are_ignored(serve: Serve) -> None:
    offer = request("GET", "/", {"Connection": "Upgrade", "Upgrade": "h2c"})
    with serve(answer_ok).connect() as client:
        client.send(offer * 1_500)
        assert {client.receive().status for _ in range(1_500)} == {200}


async def send_much(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer more than the kernel's buffers hold."""
    await send({**START, "headers": []})
    for _ in range(4):
        await send({"type": "http.response.body", "body": LARGE, "more_body": True})
    await send({"type": "http.response.body"})


def test_a_client_that_stops_reading_is_cut_off(serve: Serve) -> None:
    server = serve(send_much, idle_timeout_s=0.2, min_send_bytes_per_s=0)
    with server.connect(receive_buffer_bytes=4096) as client:
        client.send(GET)
        client.receive_head()
        wait_until(lambda: not server.server.server_state.connections, "the closed connection")


def test_a_client_that_reads_at_the_least_pace_may_take_longer(serve: Serve) -> None:
    server = serve(send_much, idle_timeout_s=1, min_send_bytes_per_s=1)
    with server.connect(receive_buffer_bytes=4096) as client:
        client.send(GET)
        client.receive_head()
        began = monotonic()
        while monotonic() < began + 2:
            assert client.socket.recv(4096)
            sleep(0.05)
        assert server.server.server_state.connections


def test_a_client_that_stops_reading_is_cut_off_however_much_it_has_yet_to_read(
    serve: Serve,
) -> None:
    # At this pace, all of it would take weeks.
    server = serve(send_much, idle_timeout_s=0.2, min_send_bytes_per_s=1)
    with server.connect(receive_buffer_bytes=4096) as client:
        client.send(GET)
        client.receive_head()
        wait_until(lambda: not server.server.server_state.connections, "the closed connection")
        with pytest.raises(ConnectionResetError):
            while client.socket.recv(65536):
                pass


def test_a_client_that_pipelines_and_does_not_read_is_cut_off(serve: Serve) -> None:
    async def answer_large(_scope: Any, _receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"content-length", b"%d" % len(LARGE))]})
        await send({"type": "http.response.body", "body": LARGE})

    server = serve(answer_large, idle_timeout_s=0.2, min_send_bytes_per_s=0)
    with server.connect(receive_buffer_bytes=4096) as client:
        client.send(GET * 9)
        client.receive_head()
        wait_until(lambda: not server.server.server_state.connections, "the closed connection")


def test_what_a_client_has_yet_to_read_after_the_last_answer_has_its_time(serve: Serve) -> None:
    async def answer_some(_scope: Any, _receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"content-length", b"%d" % len(LARGE))]})
        await send({"type": "http.response.body", "body": LARGE})

    server = serve(answer_some)
    with server.connect(receive_buffer_bytes=4096) as client:
        client.send(request("GET", "/", {"Connection": "close"}))
        assert client.receive().body == LARGE


def test_a_client_that_is_cut_off_is_no_error(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def cut_off(scope: Any, _receive: Any, send: Any) -> None:
        await send({**START, "headers": []})
        client = scope["state"][CLIENT]
        client.cut_off()
        assert client.is_gone

    with caplog.at_level(logging.WARNING), serve(cut_off).connect() as client:
        client.send(GET)
        client.receive_rest()
    assert caplog.records == []


@pytest.mark.parametrize("sent", [b"", GET[:-2], request("POST", "/", {"Content-Length": "9"})])
def test_a_graceful_stop_does_not_wait_for_what_idle_clients_send(
    serve: Serve, sent: bytes
) -> None:
    server = serve(answer_ok)
    with server.connect() as client:
        client.send(sent)
        if sent.startswith(b"POST"):
            assert client.receive().body == b"ok"
        wait_until(lambda: server.server.server_state.connections, "the connection")
        server.stop()
        assert not server.server.server_state.connections


def test_a_graceful_stop_waits_for_answers(serve: Serve) -> None:
    gated = Gated()
    server = serve(gated)
    with server.connect() as client:
        client.send(GET)
        assert gated.entered.wait(20)
        server.server.should_exit = True
        wait_until(lambda: not server.server.servers[0].is_serving(), "the stop")
        server.loop.call_soon_threadsafe(gated.gate.set)
        assert client.receive().body == b"ok"


@pytest.mark.parametrize(
    "headers",
    [
        {"Transfer-Encoding": "gzip, chunked"},
        {"Transfer-Encoding": "identity, chunked"},
        {"Host": "a\r\nHost: b"},
        {"X-Long": "a" * MAX_HEAD_BYTES},
    ],
)
def test_a_head_that_proxies_may_read_otherwise_or_that_is_long_is_refused_at_once(
    serve: Serve, headers: dict[str, str]
) -> None:
    with serve(answer_ok).connect() as client:
        client.send(request("POST", "/", headers))
        answer = client.receive()
        assert answer.status in {400, 431}
        assert client.receive_rest() == b""


def test_chunks_in_http_1_0_are_refused(serve: Serve) -> None:
    post = request("POST", "/", {"Transfer-Encoding": "chunked"}).replace(b"HTTP/1.1", b"HTTP/1.0")
    with serve(answer_ok).connect() as client:
        client.send(post)
        assert client.receive().status == 400


def test_a_field_after_a_body_is_no_field_of_the_head(serve: Serve) -> None:
    async def tell_forwarded_for(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        found = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        body = b",".join(found)
        await send({**START, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    headers = {"Transfer-Encoding": "chunked", "X-Forwarded-For": "192.0.2.1"}
    head = request("POST", "/", headers)
    trailed = head + b"2\r\n{}\r\n0\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n"
    with serve(tell_forwarded_for).connect() as client:
        client.send(trailed + trailed)
        assert [client.receive().body for _ in range(2)] == [b"192.0.2.1"] * 2


@pytest.mark.parametrize("endless", [b"0\r\n" + b"X-A: b\r\n" * 50_000, b"1;a=" + b"a" * 400_000])
def test_trailers_and_extensions_without_end_are_refused(serve: Serve, endless: bytes) -> None:
    gated = Gated()
    server = serve(gated)
    with server.connect() as client:
        client.send(request("POST", "/", {"Transfer-Encoding": "chunked"}))
        gated.entered.wait()
        client.send(endless)
        wait_until(lambda: gated.clients and gated.clients[0].has_left, "no more is taken")
        server.loop.call_soon_threadsafe(gated.gate.set)
