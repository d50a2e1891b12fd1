"""Tests of the limits for each address in `deploy/nginx.conf`, with the real nginx."""

import select
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Final

from tests.faults.nginx import proxied
from tests.functional.raw_http import TIMEOUT_S

GREEDY: Final = "127.0.0.2"
MODEST: Final = "127.0.0.3"
MAX_CONNECTIONS: Final = 64
BURST: Final = 400
REQUESTS: Final = 900
"""Fewer than nginx answers on one connection."""
HELD: Final = "/held"


class Upstream(ThreadingHTTPServer):
    """A server that answers 200, to requests for `HELD` only after `let_go` is set."""

    daemon_threads = True
    request_queue_size = 2 * MAX_CONNECTIONS

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.let_go = Event()


class _Answering(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        """Answer 200."""
        if self.path == HELD:
            self.server.let_go.wait(TIMEOUT_S)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def serving(upstream: Upstream) -> Iterator[None]:
    """Run an upstream within the block."""
    thread = Thread(target=upstream.serve_forever)
    thread.start()
    try:
        yield
    finally:
        upstream.let_go.set()
        upstream.shutdown()
        upstream.server_close()
        thread.join()


def connect(port: int, address: str) -> socket.socket:
    """Connect from an address."""
    return socket.create_connection(("127.0.0.1", port), TIMEOUT_S, source_address=(address, 0))


def ask(connection: socket.socket, path: str, times: int = 1) -> None:
    """Send requests at once; the last one asks to close the connection."""
    head = f"GET {path} HTTP/1.1\r\nHost: lake\r\n"
    last = f"{head}Connection: close\r\n\r\n"
    connection.sendall(((f"{head}\r\n") * (times - 1) + last).encode())


def answers(connection: socket.socket) -> bytes:
    """Return everything that comes until the connection is closed."""
    received = bytearray()
    while data := connection.recv(65536):
        received += data
    return bytes(received)


def status_for(port: int, address: str) -> int:
    """Return the status of one request from an address."""
    with connect(port, address) as connection:
        ask(connection, "/v1/health/")
        return int(answers(connection).split()[1])


def test_connections_are_limited_for_each_address(tmp_path: Path) -> None:
    upstream = Upstream()
    with (
        serving(upstream),
        proxied(tmp_path, upstream.server_port) as port,
        ExitStack() as held,
    ):
        greedy = [held.enter_context(connect(port, GREEDY)) for _ in range(MAX_CONNECTIONS + 1)]
        for connection in greedy:
            ask(connection, HELD)
        # Those that are let through are answered later.
        ready = _first_answered(greedy)
        refusal = answers(ready)
        assert refusal.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After: 1\r\n" in refusal
        assert b"Access-Control-Allow-Origin: *\r\n" in refusal
        assert b'{"code": 429, "status": "Too Many Requests"' in refusal
        assert status_for(port, GREEDY) == 429
        assert status_for(port, MODEST) == 200
        upstream.let_go.set()
        statuses = Counter(answers(each).split()[1] for each in greedy if each is not ready)
        assert statuses == {b"200": MAX_CONNECTIONS}


def test_requests_per_second_are_limited_for_each_address(tmp_path: Path) -> None:
    upstream = Upstream()
    with ExitStack() as stack:
        served = stack.enter_context(ExitStack())
        served.enter_context(serving(upstream))
        port = stack.enter_context(proxied(tmp_path, upstream.server_port))
        # Without its upstream nginx answers at once, faster than requests are allowed.
        served.close()
        with connect(port, GREEDY) as connection:
            ask(connection, "/v1/health/", REQUESTS)
            received = answers(connection)
        taken, refused = (received.count(b"HTTP/1.1 %d " % status) for status in (503, 429))
        assert taken >= BURST
        assert refused
        assert taken + refused == REQUESTS
        assert status_for(port, MODEST) == 503


def _first_answered(connections: list[socket.socket]) -> socket.socket:
    """Return the connection that has something to read first."""
    readable, _, _ = select.select(connections, [], [], TIMEOUT_S)
    return readable[0]
