"""Clients that leave in the middle of a stream, seen from outside the server."""

import socket
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest
import requests

from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.raw_http import TIMEOUT_S
from tests.functional.server import Server, eventually

TEXT_BYTES = 12_000_000
CONVERSATIONS = 5
"""More than a row group of a Parquet stream holds, so that the scan goes on while it is sent."""
PROMPTLY_S = 10.0
"""Much less than a connection may be idle: nothing but the client's leaving can end its stream."""
FORMS = (
    "application/x-ndjson",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
    "text/csv",
)


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """A server of one worker that has one stream at a time, and more rows than buffers hold."""
    server = make_server(workers=1, threads=4, max_reads=1, idle_timeout_s=600)
    server.start()
    # Hardly compressible, so that Parquet is long too.
    text = Random(0).randbytes(TEXT_BYTES // 2).hex()  # noqa: S311  # a text, not a secret
    for number in range(CONVERSATIONS):
        answer = server.submit(make_submission(f"{number} {text}"), wait_s=30)
        assert answer.status_code == 200
    return server


def begin(server: Server, media_type: str) -> socket.socket:
    """Begin to read a stream, with a small buffer for what comes, once the one before is over."""
    return eventually("a stream begins", lambda: try_to_begin(server, media_type), PROMPTLY_S)


def try_to_begin(server: Server, media_type: str) -> socket.socket | None:
    """Begin to read a stream; return None when another one has its place."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(TIMEOUT_S)
    connection.connect(("127.0.0.1", server.port))
    request = f"GET /v1/contributions HTTP/1.1\r\nHost: lake\r\nAccept: {media_type}\r\n\r\n"
    connection.sendall(request.encode())
    head = connection.recv(4096)
    if head.startswith(b"HTTP/1.1 429 "):
        connection.close()
        return None
    assert head.startswith(b"HTTP/1.1 200 ")
    return connection


def status_of_another(server: Server) -> int:
    """Ask for another stream, and leave it at once."""
    accept = {"Accept": FORMS[0]}
    url = f"{server.url}/v1/contributions"
    with requests.get(url, headers=accept, stream=True, timeout=TIMEOUT_S) as response:
        return response.status_code


def open_data_files(server: Server) -> list[str]:
    """Return the data files that the worker has open."""
    (worker,) = server.complete().workers
    targets = []
    for entry in Path(f"/proc/{worker}/fd").iterdir():
        with suppress(OSError):  # it was closed while we looked
            targets.append(str(entry.readlink()))
    return [target for target in targets if target.endswith(".parquet")]


def test_a_stream_that_its_client_leaves_closes_its_file_and_gives_its_thread_back(
    server: Server,
) -> None:
    for media_type in FORMS:
        with closing(begin(server, media_type)):
            eventually(f"{media_type} reads a file", lambda: open_data_files(server), PROMPTLY_S)
            assert status_of_another(server) == 429
        eventually(
            f"the file of {media_type} is closed", lambda: not open_data_files(server), PROMPTLY_S
        )
        eventually("another stream", lambda: status_of_another(server) == 200, PROMPTLY_S)
        eventually("that one is over", lambda: not open_data_files(server), PROMPTLY_S)
    assert "Traceback" not in server.log
