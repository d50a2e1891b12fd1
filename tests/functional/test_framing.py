"""Requests whose bytes could be read in two ways: where each ends, and what is stored of it.

Each is sent directly and through nginx. It is answered rightly or refused, and only what was
answered with 200 is stored, so nginx and the service see the same requests in the same bytes.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from io import BytesIO
from typing import Any, Final

import pytest

from tests.factories import make_submission
from tests.faults.nginx import proxied
from tests.functional.raw_http import TIMEOUT_S
from tests.functional.server import Server

BODY: Final = json.dumps(make_submission("A good one")).encode()
SIZE: Final = len(BODY)
CHUNK: Final = b"%x\r\n%s\r\n" % (SIZE, BODY)
CHUNKS: Final = CHUNK + b"0\r\n\r\n"
LENGTH: Final = b"Content-Length: %d" % SIZE
CHUNKED: Final = b"Transfer-Encoding: chunked"
HEALTH: Final = b"GET /v1/health/ HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED: Final = b"POST /v1/ingest/chat HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n%s" % (LENGTH, BODY)


def post(
    *headers: bytes,
    body: bytes = BODY,
    target: bytes = b"/v1/ingest/chat",
    version: bytes = b"HTTP/1.1",
    end: bytes = b"\r\n",
) -> bytes:
    """Return a submission with these headers, and no others that frame it."""
    lines = [b"POST %s %s" % (target, version), b"Host: a", b"Content-Type: application/json"]
    return end.join([*lines, *headers, b"", body])


def chunked(body: bytes, *headers: bytes, **parts: bytes) -> bytes:
    """Return a submission whose body is said to be in chunks."""
    return post(CHUNKED, *headers, body=body, **parts)


REFUSED: Final = (400,)
TAKEN: Final = (200,)
NGINX_STATUSES: Final = {200, 501, 505}
"""nginx's answers to what it refuses are 4xx, and these to codings and versions of HTTP."""


@dataclass(frozen=True)
class Case:
    """Bytes of a connection.

    Attributes:
        sent: The bytes.
        statuses: The status codes of the answers.
        stored: How many submissions are stored.
        is_cut_off: Whether only the end of the connection tells that no more comes.
    """

    sent: bytes
    statuses: tuple[int, ...] = REFUSED
    stored: int = 0
    is_cut_off: bool = False


def taken(sent: bytes, *more: int) -> Case:
    """Return a case whose first request is a submission that is stored."""
    return Case(sent, (200, *more), 1)


LENGTHS: Final = {
    "one length": taken(post(LENGTH)),
    "a length with leading zeros": taken(post(b"Content-Length: 000%d" % SIZE)),
    "a length with spaces after it": taken(post(LENGTH + b"  ")),
    "the same length twice": Case(post(LENGTH, LENGTH)),
    "two lengths": Case(post(LENGTH, b"Content-Length: 5")),
    "a list of lengths": Case(post(b"Content-Length: %d, %d" % (SIZE, SIZE))),
    "a length with a plus": Case(post(b"Content-Length: +%d" % SIZE)),
    "a negative length": Case(post(b"Content-Length: -1")),
    "a hexadecimal length": Case(post(b"Content-Length: 0x%x" % SIZE)),
    "a length with an underscore": Case(post(b"Content-Length: 1_0")),
    "a length with a space in it": Case(post(b"Content-Length: 1 0")),
    "a length in Arabic digits": Case(post("Content-Length: \u0665".encode())),
    "a length of nothing": Case(post(b"Content-Length:")),
    "a length past 64 bits": Case(post(b"Content-Length: 99999999999999999999")),
    "a folded length": Case(post(b"Content-Length:\r\n 5")),
    "a length behind a folded header": Case(post(b"X-A: b\r\n Content-Length: 5", LENGTH)),
    "no length": Case(post()),
    "a length under a name with an underscore": taken(post(b"Content_Length: 3", LENGTH)),
    "a length under a name with a space": Case(post(b"Content Length: 3", LENGTH)),
    "a space before the colon": Case(post(b"Content-Length : %d" % SIZE)),
}

CODINGS: Final = {
    "chunks": taken(chunked(CHUNKS)),
    "chunks in capitals": taken(post(b"Transfer-Encoding: CHUNKED", body=CHUNKS)),
    "chunks after spaces": taken(post(b"Transfer-Encoding:    chunked", body=CHUNKS)),
    "chunks before spaces": taken(post(b"Transfer-Encoding: chunked  ", body=CHUNKS)),
    "chunks after a tab": taken(post(b"Transfer-Encoding:\tchunked", body=CHUNKS)),
    "chunks after a vertical tab": Case(post(b"Transfer-Encoding:\x0bchunked", body=CHUNKS)),
    "chunks after a space without a break": Case(
        post(b"Transfer-Encoding: \xa0chunked", body=CHUNKS)
    ),
    "chunks before a NUL": Case(post(b"Transfer-Encoding: chunked\0", body=CHUNKS)),
    "chunks in quotes": Case(post(b'Transfer-Encoding: "chunked"', body=CHUNKS)),
    "chunks with a parameter": Case(post(b"Transfer-Encoding: chunked;q=1", body=CHUNKS)),
    "an unknown coding": Case(post(b"Transfer-Encoding: xchunked", body=CHUNKS)),
    "an unknown coding and a length": Case(post(b"Transfer-Encoding: xchunked", LENGTH)),
    "no coding": Case(post(b"Transfer-Encoding:", body=CHUNKS)),
    "identity": Case(post(b"Transfer-Encoding: identity", LENGTH)),
    "identity, then chunks": Case(post(b"Transfer-Encoding: identity, chunked", body=CHUNKS)),
    "chunks, then identity": Case(post(b"Transfer-Encoding: chunked, identity", body=CHUNKS)),
    "gzip, then chunks": Case(post(b"Transfer-Encoding: gzip, chunked", body=CHUNKS)),
    "chunks after a comma": Case(post(b"Transfer-Encoding: ,chunked", body=CHUNKS)),
    "chunks before a comma": Case(post(b"Transfer-Encoding: chunked,", body=CHUNKS)),
    "chunks twice": Case(post(b"Transfer-Encoding: chunked, chunked", body=CHUNKS)),
    "chunks in two headers": Case(post(CHUNKED, CHUNKED, body=CHUNKS)),
    "identity and chunks in two headers": Case(
        post(b"Transfer-Encoding: identity", CHUNKED, body=CHUNKS)
    ),
    "a folded coding": Case(post(b"Transfer-Encoding:\r\n chunked", body=CHUNKS)),
    "a space before the colon of a coding": Case(post(b"Transfer-Encoding : chunked", body=CHUNKS)),
    "a coding under a name with an underscore": taken(post(b"Transfer_Encoding: chunked", LENGTH)),
    "chunks in HTTP/1.0": Case(chunked(CHUNKS, version=b"HTTP/1.0")),
    "a length, and chunks that end before it": Case(
        post(b"Content-Length: %d" % (len(CHUNKS) + len(SMUGGLED)), CHUNKED, body=CHUNKS + SMUGGLED)
    ),
    "chunks, and a length that ends before them": Case(
        post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED)
    ),
}

BAD_CHUNKS: Final = {
    "a newline in an extension": b"%x;a\nb\r\n%s\r\n0\r\n\r\n" % (SIZE, BODY),
    "a carriage return in an extension": b"%x;a\rb\r\n%s\r\n0\r\n\r\n" % (SIZE, BODY),
    "a NUL in an extension": b"%x;a\0b\r\n%s\r\n0\r\n\r\n" % (SIZE, BODY),
    "a quoted extension that doesn't end": b'%x;a="\r\n%s\r\n0\r\n\r\n' % (SIZE, BODY),
    "a space before a size": b" %x\r\n%s\r\n0\r\n\r\n" % (SIZE, BODY),
    "a size with a prefix": b"0x%x\r\n%s\r\n0\r\n\r\n" % (SIZE, BODY),
    "a negative size": b"-1\r\n%s\r\n0\r\n\r\n" % BODY,
    "a size of 64 bits": b"ffffffffffffffff\r\n%s\r\n0\r\n\r\n" % BODY,
    "a size past 64 bits": b"1%016x\r\n%s\r\n0\r\n\r\n" % (SIZE, BODY),
    "line feeds alone": b"%x\n%s\n0\n\n" % (SIZE, BODY),
    "a line feed alone after a size": b"%x\n%s\r\n0\r\n\r\n" % (SIZE, BODY),
    "a line feed alone after a chunk": b"%x\r\n%s\n0\r\n\r\n" % (SIZE, BODY),
    "a line feed alone at the end": CHUNK + b"0\r\n\n",
    "no line end after a chunk": b"%x\r\n%s0\r\n\r\n" % (SIZE, BODY),
    "another request in place of the line end": CHUNK + b"0\r\n" + SMUGGLED,
    "a trailer without a colon": CHUNK + b"0\r\nno colon\r\n\r\n",
    "a length as trailer": CHUNK + b"0\r\nContent-Length: 3\r\n\r\n",
    "a coding as trailer": CHUNK + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
}

CUT_OFF: Final = {
    "a length larger than the body": post(b"Content-Length: %d" % (SIZE + 1)),
    "no last chunk": chunked(CHUNK),
    "a chunk cut off": chunked(CHUNK[:-10]),
    "no line end after the last chunk": chunked(CHUNK + b"0\r\n"),
    "a head cut off": post(LENGTH)[:60],
}

LINES: Final = {
    "HTTP/0.9": Case(b"GET /v1/health/\r\n\r\n"),
    "HTTP/1.0": taken(post(LENGTH, version=b"HTTP/1.0")),
    "HTTP/2.0": Case(post(LENGTH, version=b"HTTP/2.0")),
    "HTTP/1.10": Case(post(LENGTH, version=b"HTTP/1.10")),
    "something after the version": Case(post(LENGTH, version=b"HTTP/1.1 x")),
    "a version in small letters": Case(post(LENGTH, version=b"http/1.1")),
    "a target with a host": taken(post(LENGTH, target=b"http://a/v1/ingest/chat")),
    "a target with another host": taken(post(LENGTH, target=b"http://b/v1/ingest/chat")),
    "a target that is a host": Case(post(LENGTH, target=b"a:80")),
    "a target without a slash": Case(post(LENGTH, target=b"v1/ingest/chat")),
    "a target with a space": Case(post(LENGTH, target=b"/v1/ingest/chat x")),
    "a target with a NUL": Case(post(LENGTH, target=b"/v1/ingest/chat\0")),
    "two hosts": Case(post(b"Host: b", LENGTH)),
    "CONNECT": Case(b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED),
    "tabs in the request line": Case(post(LENGTH).replace(b" ", b"\t", 2)),
    "line feeds alone in the head": Case(post(LENGTH, end=b"\n")),
    "carriage returns alone in the head": Case(post(LENGTH, end=b"\r")),
    "a line feed alone at the end of the head": Case(
        post(LENGTH).replace(b"\r\n\r\n", b"\r\n\n", 1)
    ),
    "two carriage returns": Case(post(LENGTH, end=b"\r\r\n")),
    "a line feed in a value": Case(post(b"X-A: b\nX-B: c", LENGTH)),
    "a carriage return in a value": Case(post(b"X-A: b\rc", LENGTH)),
    "a NUL in a value": Case(post(b"X-A: b\0c", LENGTH)),
    "a NUL in a name": Case(post(b"X-\0A: b", LENGTH)),
    "a folded header": Case(post(b"X-A: b\r\n c", LENGTH)),
    "a folded header at the beginning": Case(post(LENGTH).replace(b"Host", b" Host", 1)),
    "a header without a name": Case(post(b": b", LENGTH)),
    "a header without a colon": Case(post(b"nonsense", LENGTH)),
    "a header of 100,000 bytes": Case(post(b"X-A: " + b"a" * 100_000, LENGTH), (431,)),
    "headers of 100,000 bytes": Case(post(*[b"X-A: b" * 10] * 1_700, LENGTH), (431,)),
    "a path of 100,000 bytes": Case(post(LENGTH, target=b"/" + b"a" * 100_000), (431,)),
    "a request line of one word": Case(b"nonsense\r\n\r\n"),
    "a method with a space": Case(post(LENGTH).replace(b"POST", b"PO ST")),
    "the preface of HTTP/2": Case(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "the start of a TLS handshake": Case(
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500
    ),
    "random bytes": Case(bytes(range(256)) * 8),
    "an empty line before the request": taken(b"\r\n" + post(LENGTH)),
}

SEVERAL: Final = {
    "two submissions": Case(post(LENGTH) * 2, (200, 200), 2),
    "chunks and a submission": Case(chunked(CHUNKS) + post(LENGTH), (200, 200), 2),
    "a request and nonsense": taken(post(LENGTH) + b"nonsense\r\n\r\n"),
    "a request after one that closes": taken(post(b"Connection: close", LENGTH) + SMUGGLED),
    "a request after a length that is too small": Case(
        post(b"Content-Length: %d" % (SIZE - 1)) + post(LENGTH), REFUSED
    ),
    "a request in the body of another": Case(
        b"GET /v1/health/ HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED)
        + SMUGGLED,
        TAKEN,
    ),
    "a body that was asked for": taken(post(b"Expect: 100-continue", LENGTH)),
    "a body that was asked for, and a request": Case(
        post(b"Expect: 100-continue", LENGTH) + HEALTH, (200, 200), 1
    ),
    "an offer of HTTP/2": Case(
        post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", LENGTH) + HEALTH,
        (200, 200),
        1,
    ),
    "an offer of HTTP/2 with chunks": Case(
        chunked(CHUNKS, b"Connection: Upgrade", b"Upgrade: h2c") + HEALTH, (200, 200), 1
    ),
    "an offer of a web socket": Case(
        HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        + HEALTH,
        (200, 200),
    ),
}

CASES: Final = {
    **LENGTHS,
    **CODINGS,
    **{name: Case(chunked(body)) for name, body in BAD_CHUNKS.items()},
    **{name: Case(sent, is_cut_off=True) for name, sent in CUT_OFF.items()},
    "an extension": taken(chunked(b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (SIZE, BODY))),
    "a trailer": taken(chunked(CHUNK + b"0\r\nX-A: b\r\n\r\n")),
    **LINES,
    **SEVERAL,
}

PROXIED: Final = {name: case for name, case in CASES.items() if name != "HTTP/0.9"}
"""nginx answers HTTP/0.9, without a status line."""


@pytest.fixture(scope="module", autouse=True)
def nothing_is_broken(shared_server: Server) -> Iterator[None]:
    """Check that the server lost no process and logged no unexpected error."""
    processes, logged = shared_server.complete(), len(shared_server.log)
    yield
    assert shared_server.processes() == processes
    assert "Traceback" not in shared_server.log[logged:]


@pytest.fixture(scope="module")
def nginx_port(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an nginx before the server."""
    with proxied(tmp_path_factory.mktemp("nginx"), shared_server.port) as port:
        yield port


def exchange(port: int, sent: bytes, answers: int = 0) -> list[int]:
    """Send bytes, then end the sending side, and return the status codes of all answers.

    Args:
        port: The port to send to.
        sent: The bytes.
        answers: The number of answers after which the sending side is ended. nginx aborts a request
            whose client ends it earlier.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        received = bytearray()
        with suppress(OSError):  # it may be refused before all of it was sent
            connection.sendall(sent)
            while answers > 0 and (data := connection.recv(65536)):
                received += data
                answers -= data.count(b"HTTP/1.1 ") - data.count(b"HTTP/1.1 100 ")
            connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(65536):
            received += data
    return list(_statuses(bytes(received)))


def _statuses(received: bytes) -> Iterator[int]:
    stream = _Stream(received)
    while stream.tell() < len(received):
        answer = HTTPResponse(stream)  # type: ignore[arg-type]  # it only makes a file of a socket
        answer.begin()
        answer.read()
        yield answer.status


class _Stream(BytesIO):
    """Received bytes, of which `HTTPResponse` reads one answer after the other."""

    def makefile(self, *_: Any) -> "_Stream":
        """Return the file that a socket would have."""
        return self

    def close(self) -> None:
        """Stay open for the next answer."""


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_is_answered_rightly_or_refused(shared_server: Server, case: Case) -> None:
    journalled = shared_server.journalled()

    assert exchange(shared_server.port, case.sent) == list(case.statuses)
    assert shared_server.journalled() - journalled == case.stored


@pytest.mark.parametrize("case", PROXIED.values(), ids=PROXIED.keys())
def test_behind_nginx_no_more_is_stored_than_was_answered(
    shared_server: Server, nginx_port: int, case: Case
) -> None:
    journalled = shared_server.journalled()

    statuses = exchange(nginx_port, case.sent, 0 if case.is_cut_off else len(case.statuses))

    stored = shared_server.journalled() - journalled
    # nginx reads some requests that the service refuses, and passes on what it has understood.
    assert stored <= case.sent.count(b"POST ")
    assert stored <= statuses.count(200)
    assert all(status in NGINX_STATUSES or 400 <= status < 500 for status in statuses)


def test_no_answer_is_waited_for_when_a_body_is_malformed(shared_server: Server) -> None:
    """The connection stays open, and the service has to tell by itself that no more can come."""
    address = ("127.0.0.1", shared_server.port)
    with socket.create_connection(address, timeout=TIMEOUT_S / 3) as connection:
        connection.sendall(chunked(CHUNK + b"no size\r\n"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
