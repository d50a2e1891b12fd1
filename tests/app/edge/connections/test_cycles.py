"""Answers that are sent whole, and answers to HTTP/1.0."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from app.edge.connections.cycles import WHOLE_ANSWER, Cycle
from app.settings import Settings
from tests.app.edge.serving import Application, Serving, request, serving

GET = request("GET", "/")
START = {"type": "http.response.start", "status": 200}


async def answer_whole(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer in one message."""
    head = b"a: b\r\ncontent-length: 2\r\n"
    await send({"type": WHOLE_ANSWER, "status": 202, "head": head, "body": b"ok"})


async def answer_ok(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer with a head and a body of known length."""
    await send({**START, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def stream(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer two parts of a body whose length isn't given."""
    await send({**START, "headers": []})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b"})


@pytest.fixture
def server(settings: Settings, application: Application) -> Iterator[Serving]:
    with serving(application, settings) as running:
        yield running


@pytest.mark.parametrize("application", [answer_whole])
def test_requests_on_a_connection_are_answered_whole_one_after_the_other(server: Serving) -> None:
    with server.connect() as client:
        client.send(GET * 3, GET)
        for _ in range(4):
            answer = client.receive()
            assert (answer.status, answer.body, answer.headers["a"]) == (202, b"ok", "b")
            assert "connection" not in answer.headers
            assert answer.headers["date"].endswith("GMT")


@pytest.mark.parametrize("application", [answer_whole])
@pytest.mark.parametrize(
    "asked", [request("GET", "/", {"Connection": "close"}), b"GET / HTTP/1.0\r\n\r\n"]
)
def test_a_connection_that_is_not_kept_ends_after_a_whole_answer(
    server: Serving, asked: bytes
) -> None:
    with server.connect() as client:
        client.send(asked)
        answer = client.receive()
        assert (answer.body, answer.headers["connection"]) == (b"ok", "close")
        assert client.receive_rest() == b""


class Transport(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        """Keep what would be sent."""
        self.written += data


@pytest.mark.parametrize("stays", [True, False])
def test_a_whole_answer_waits_for_a_client_that_does_not_read_and_may_leave(*, stays: bool) -> None:
    transport = Transport()
    over: list[None] = []
    scope: Any = {"type": "http"}

    async def answer() -> None:
        flow = FlowControl(transport)
        cycle = Cycle(
            scope=scope,
            transport=transport,
            flow=flow,
            logger=logging.getLogger(__name__),
            access_logger=logging.getLogger(__name__),
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=lambda: over.append(None),
        )
        flow.pause_writing()
        answering = asyncio.create_task(answer_whole(None, None, cycle.send))
        await asyncio.sleep(0)
        assert not answering.done()
        assert not transport.written
        cycle.disconnected = not stays
        flow.resume_writing()
        await answering

    asyncio.run(answer())
    assert (transport.written.endswith(b"\r\n\r\nok"), len(over)) == (stays, stays)


@pytest.mark.parametrize("application", [stream])
def test_http_1_0_has_no_chunks(server: Serving) -> None:
    with server.connect() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = client.receive()
        assert "transfer-encoding" not in answer.headers
        assert answer.body == b"ab"
    assert server.exchange(GET).headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("application", [answer_ok])
def test_http_1_0_knows_the_length_of_an_answer(server: Serving) -> None:
    assert server.exchange(b"GET / HTTP/1.0\r\n\r\n").headers["content-length"] == "2"
