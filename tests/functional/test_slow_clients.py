"""Clients that keep the server waiting, directly and without a proxy that buffers for them."""

import socket
from collections.abc import Callable, Iterator
from time import monotonic, sleep

import pytest

from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.raw_http import INGEST, TIMEOUT_S
from tests.functional.server import Server, eventually

HEAD = INGEST + b"Host: lake\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
UPLOAD = HEAD.replace(b"/chat ", b"/chats ").replace(b"application/json", b"application/x-ndjson")
STREAM = b"GET /v1/contributions HTTP/1.1\r\nHost: lake\r\nAccept: application/x-ndjson\r\n\r\n"


@pytest.fixture
def impatient(make_server: MakeServer) -> Server:
    """A server of one worker with few threads, which doesn't wait for long."""
    server = make_server(
        workers=1, threads=4, body_timeout_s=1.5, upload_timeout_s=1.5, idle_timeout_s=1
    )
    server.start()
    return server


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
        try:
            answer = connection.recv(4096)
        except TimeoutError:
            continue
    assert answer.split(b" ")[1] == b"408"
    assert monotonic() - started < 10


def test_those_who_do_not_read_their_stream_do_not_keep_the_threads(
    impatient: Server, connect: Callable[[], socket.socket]
) -> None:
    for _ in range(3):
        texts = ["x" * 1_000_000] * 4
        assert impatient.submit(make_submission(*texts), wait_s=20).status_code == 200
    for _ in range(4):
        connect().sendall(STREAM)
    # All threads may be busy with them now; each is let go when its client has not read for 1 s.
    sleep(0.1)
    eventually("an answer", lambda: impatient.get("health/").status_code == 200)
    assert impatient.submit(make_submission()).status_code == 200
