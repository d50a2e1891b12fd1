"""Clients that keep the server waiting, directly and without a proxy that buffers for them."""

import json
import select
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPResponse
from time import monotonic, sleep
from typing import Any

import pytest

from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.processes import memory_bytes, peak_memory_bytes
from tests.functional.raw_http import INGEST, TIMEOUT_S
from tests.functional.server import Server, eventually

MIB = 1024 * 1024
GOOD = json.dumps(make_submission("A good one")).encode()
HEAD = INGEST + b"Host: lake\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
UPLOAD = HEAD.replace(b"/chat ", b"/chats ").replace(b"application/json", b"application/x-ndjson")
HEALTH = b"GET /v1/health/ HTTP/1.1\r\nHost: lake\r\n\r\n"
CHUNKED = HEAD.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked")
WAIT = (
    INGEST + b"Host: lake\r\nPrefer: wait=60\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(GOOD), GOOD)
)
PATIENCE_S = 5.0
"""How long a client waits for a server that has stopped reading."""
LINES = b"X-A: b\r\n" * 10_000
ENDLESS = {
    "headers": (HEALTH[:-2], LINES),
    "a header": (HEALTH[:-2] + b"X-A: ", b"a" * 100_000),
    "a path": (b"GET /", b"a" * 100_000),
    "headers after a request": (WAIT + HEALTH[:-2], LINES),
    "trailers": (CHUNKED + b"0\r\n", LINES),
    "an extension of a chunk": (CHUNKED + b"1;a=", b"a" * 100_000),
    "empty lines": (b"\r\n", b"\r\n" * 50_000),
}
"""What begins, and what then comes again and again."""
STREAM = b"GET /v1/contributions HTTP/1.1\r\nHost: lake\r\nAccept: application/x-ndjson\r\n\r\n"


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one worker with few threads, which doesn't wait for long."""
    home = tmp_path_factory.mktemp("impatient") / "home"
    settings: dict[str, Any] = {"body_timeout_s": 1.5, "upload_timeout_s": 1.5, "idle_timeout_s": 1}
    with Server(home, workers=1, threads=4, **settings) as server:
        yield server


@pytest.fixture
def connect(impatient: Server) -> Iterator[Callable[[], socket.socket]]:
    """Opens connections to the server, with a small buffer for what comes back."""
    opened: list[socket.socket] = []

    def open_one() -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(TIMEOUT_S)
        connection.connect(("127.0.0.1", impatient.port))
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.close()


def _status(connection: socket.socket) -> bytes:
    return connection.recv(4096).split(b" ")[1]


def test_a_body_that_stays_away_is_answered_408_and_its_thread_is_free_again(
    impatient: Server, connect: Callable[[], socket.socket]
) -> None:
    stalled = [connect() for _ in range(8)]
    for connection in stalled:
        connection.sendall(HEAD + b'{"agent_id"')
    assert {_status(connection) for connection in stalled} == {b"408"}
    assert impatient.submit(make_submission()).status_code == 200


@pytest.mark.parametrize("head", [HEAD, UPLOAD], ids=["a submission", "an upload"])
def test_a_body_that_trickles_is_answered_408(
    connect: Callable[[], socket.socket], head: bytes
) -> None:
    connection = connect()
    connection.sendall(head)
    started = monotonic()
    connection.settimeout(0.2)
    answer = b""
    while not answer and monotonic() - started < TIMEOUT_S:
        connection.sendall(b" ")
        with suppress(TimeoutError):
            answer = connection.recv(4096)
    assert answer.split(b" ")[1] == b"408"
    assert monotonic() - started < 10


@pytest.mark.parametrize(
    "before", [b"", HEALTH], ids=["on a new connection", "after an answered request"]
)
def test_a_head_that_trickles_is_answered_408(
    connect: Callable[[], socket.socket], before: bytes
) -> None:
    connection = connect()
    if before:
        connection.sendall(before)
        # All of it, or what is left of it would look like the next answer.
        with HTTPResponse(connection) as answered:
            answered.begin()
            assert answered.status == 200
            answered.read()
    connection.sendall(b"GET /v1/health/ HTTP/1.1\r\nX-Endless: ")
    started = monotonic()
    connection.settimeout(0.2)
    answer = b""
    while not answer and monotonic() - started < TIMEOUT_S:
        connection.sendall(b"a")
        with suppress(TimeoutError):
            answer = connection.recv(4096)
    assert answer.split(b" ")[1] == b"408"
    assert monotonic() - started < 10


@pytest.mark.parametrize("sent", ENDLESS.values(), ids=ENDLESS.keys())
def test_what_never_ends_is_refused_in_little_memory(
    impatient: Server, connect: Callable[[], socket.socket], sent: tuple[bytes, bytes]
) -> None:
    begin, more = sent
    (worker,) = impatient.complete().workers
    before_bytes = memory_bytes(worker)
    connection = connect()
    connection.settimeout(PATIENCE_S)
    connection.sendall(begin)
    with suppress(ConnectionError, TimeoutError):
        for _ in range(100 * MIB // len(more)):
            connection.sendall(more)
    assert peak_memory_bytes(worker) - before_bytes < 50 * MIB
    assert impatient.submit(make_submission()).status_code == 200


def test_an_idle_connection_is_closed(connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    connection.sendall(HEALTH)
    # The answer, and then the end of the connection.
    received = b"".join(iter(lambda: connection.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 200 ")


def test_clients_that_never_read_their_stream_release_threads(
    impatient: Server, connect: Callable[[], socket.socket]
) -> None:
    for _ in range(3):
        texts = ["x" * 1_000_000] * 4
        assert impatient.submit(make_submission(*texts), wait_s=20).status_code == 200
    readers = [connect() for _ in range(8)]
    for reader in readers:
        reader.sendall(STREAM)
    # As many as may read at once have begun now; none of them holds a thread.
    assert {_status(reader) for reader in readers} == {b"200", b"429"}
    assert impatient.get("health/").status_code == 200
    assert impatient.submit(make_submission()).status_code == 200
    eventually("a place for another", lambda: impatient.get("contributions?limit=1").ok)


def test_clients_that_keep_answered_connections_open_delay_no_others(
    impatient: Server, connect: Callable[[], socket.socket]
) -> None:
    workers = impatient.complete().workers
    staying = [connect() for _ in range(20)]
    for connection in staying:
        connection.sendall(b"GET /v1/health/ HTTP/1.1\r\nHost: lake\r\nConnection: close\r\n\r\n")
    assert {_status(connection) for connection in staying} == {b"200"}
    started = monotonic()
    assert impatient.submit(make_submission()).status_code == 200
    assert monotonic() - started < 10
    assert impatient.complete().workers == workers


@pytest.mark.parametrize("begins", [b"", UPLOAD.replace(b"x-ndjson", b"pdf")], ids=["no", "a"])
def test_silent_connections_delay_no_other_clients(
    impatient: Server, connect: Callable[[], socket.socket], begins: bytes
) -> None:
    for _ in range(20):
        connect().sendall(begins)
    started = monotonic()
    assert impatient.submit(make_submission()).status_code == 200
    assert monotonic() - started < 10


@pytest.mark.parametrize("connection_header", ["close", "keep-alive"])
@pytest.mark.parametrize("path", [b"/chat ", b"/chats "])
def test_a_client_that_is_refused_while_it_sends_gets_its_answer(
    connect: Callable[[], socket.socket], connection_header: str, path: bytes
) -> None:
    """The rest of the body comes after the answer, and must not have the connection reset."""
    body = b"x" * 10_000_000
    head = (
        b"POST /v1/ingest" + path + b"HTTP/1.1\r\nHost: lake\r\nContent-Type: application/pdf\r\n"
        b"Content-Length: %d\r\nConnection: %s\r\n\r\n" % (len(body), connection_header.encode())
    )
    connection = connect()
    connection.sendall(head)
    # The answer is there before the body, and unread.
    assert select.select([connection], [], [], TIMEOUT_S)[0]
    connection.sendall(body)
    assert _status(connection) == b"415"


def test_slow_readers_of_pages_delay_no_others_and_are_cut_off(
    make_server: MakeServer,
) -> None:
    server = make_server(
        workers=1,
        threads=4,
        max_reads=2,
        idle_timeout_s=1,
        min_send_bytes_per_s=1_000_000,
    )
    server.start()
    assert server.submit(make_submission("x" * 8_000_000), wait_s=30).status_code == 200
    readers = [_page_reader(server.port) for _ in range(8)]
    statuses = Counter(_status(reader) for reader in readers)
    assert statuses.keys() <= {b"200", b"429"}
    assert server.submit(make_submission()).status_code == 200
    eventually("a place for another", lambda: server.get("contributions?limit=1").ok)
    slow = [reader for reader in readers if _is_cut_off(reader)]
    assert len(slow) == statuses[b"200"]
    assert "cut off a client" in server.log
    for reader in readers:
        reader.close()


def _page_reader(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(TIMEOUT_S)
    connection.connect(("127.0.0.1", port))
    connection.sendall(b"GET /v1/contributions HTTP/1.1\r\nHost: lake\r\n\r\n")
    return connection


def _is_cut_off(connection: socket.socket) -> bool:
    """Read on slowly, and tell whether the connection is reset."""
    try:
        while connection.recv(4096):
            sleep(0.01)
    except ConnectionResetError:
        return True
    return False
