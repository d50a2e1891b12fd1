import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.api.reads import CLIENT
from app.edge.requests import ClientGone, Request
from app.ingest.errors import BodyTimeout, MalformedBody

Header = tuple[bytes, bytes]


class Exchange:
    """A request by ASGI's calls: what arrives, and what was sent.

    Attributes:
        client: The client's end of the connection.
        sent: The messages that were sent.
    """

    def __init__(self, *headers: Header, path: str = "/") -> None:
        self.client = SimpleNamespace(has_left=False, is_sending_body=True)
        self.sent: list[Any] = []
        self.arrived: asyncio.Queue[Any] = asyncio.Queue()
        scope = {"method": "POST", "path": path, "headers": headers, "state": {CLIENT: self.client}}
        self.request = Request(scope, self.arrived.get, self._send)

    def arrive(self, body: bytes = b"", *, more: bool = True) -> None:
        """Have a part of the body arrive."""
        self.arrived.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def read(self, timeout_s: float = 20, idle_timeout_s: float = 20) -> list[bytes]:
        """Return the pieces of the body."""

        async def gather(pieces: AsyncIterator[bytes]) -> list[bytes]:
            return [piece async for piece in pieces]

        return asyncio.run(gather(self.request.pieces(timeout_s, idle_timeout_s)))

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


def test_headers_are_found_by_name_and_joined_if_there_are_several() -> None:
    request = Exchange((b"prefer", b"wait=1"), (b"x", b"\xe9"), (b"prefer", b"a")).request
    assert request.header(b"prefer") == "wait=1,a"
    assert request.header(b"x") == "é"
    assert request.header(b"absent") is None


@pytest.mark.parametrize("path", ["/v1/stats", "//v1/stats", "///v1/stats"])
def test_a_path_is_that_by_which_flask_finds_a_view(path: str) -> None:
    assert Exchange(path=path).request.path == "/v1/stats"


@pytest.mark.parametrize(("sent", "is_kept"), [(b"mine", True), (b"a\tforged line", False)])
def test_a_request_has_the_id_that_its_client_gave_it_if_that_is_safe(
    sent: bytes, is_kept: bool
) -> None:
    request_id = Exchange((b"x-request-id", sent)).request.id
    assert request_id.was_sent == (str(request_id) == sent.decode()) == is_kept


def test_a_body_comes_in_pieces() -> None:
    exchange = Exchange()
    exchange.arrive(b"a")
    exchange.arrive()
    exchange.arrive(b"b", more=False)
    assert exchange.read() == [b"a", b"b"]


def test_a_body_may_be_empty() -> None:
    exchange = Exchange()
    exchange.arrive(more=False)
    assert exchange.read() == []


@pytest.mark.parametrize("times", [(0.05, 20.0), (20.0, 0.05)])
def test_a_body_that_does_not_come_is_late(times: tuple[float, float]) -> None:
    exchange = Exchange()
    exchange.arrive(b"a")
    with pytest.raises(BodyTimeout, match=r"within 0\.05 s"):
        exchange.read(*times)


@pytest.mark.parametrize(
    ("headers", "problem"),
    [([(b"content-length", b"9")], "before its Content-Length"), ([], "broke off")],
)
def test_a_body_breaks_off_when_its_client_sends_no_more(
    headers: list[Header], problem: str
) -> None:
    exchange = Exchange(*headers)
    exchange.arrive(b"a")
    exchange.client.has_left = True
    with pytest.raises(MalformedBody, match=problem):
        exchange.read()


def test_nobody_is_told_when_the_connection_is_closed() -> None:
    exchange = Exchange()
    exchange.arrived.put_nowait({"type": "http.disconnect"})
    with pytest.raises(ClientGone):
        exchange.read()


@pytest.mark.parametrize("reads", [True, False])
def test_a_client_that_waits_to_send_a_body_that_nobody_wants_is_left(reads: bool) -> None:
    exchange = Exchange((b"expect", b"100-continue"))
    if reads:
        exchange.arrive(more=False)
        exchange.read()

    async def answer() -> None:
        await exchange.request.begin(200, [(b"a", b"b")])
        await exchange.request.end(b"body")

    asyncio.run(answer())
    head, body = exchange.sent
    assert ((b"connection", b"close") in head["headers"]) != reads
    assert (head["status"], body["body"], exchange.request.is_answered) == (200, b"body", True)
