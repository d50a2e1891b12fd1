from collections.abc import Iterator
from socket import socket, socketpair
from time import monotonic

import pytest

from app.api.deadlines import BodyTimeout, Deadlines


@pytest.fixture
def connection() -> Iterator[tuple[socket, socket]]:
    """The two ends of a connection: the server's and the client's."""
    server, client = socketpair()
    with server, client:
        yield server, client


def test_a_body_that_does_not_come_ends_at_the_deadline(
    connection: tuple[socket, socket],
) -> None:
    server, _ = connection
    started = monotonic()
    with pytest.raises(BodyTimeout, match=r"within 0\.1 s"), Deadlines().within(server, 0.1):
        assert server.recv(1) == b""
    assert monotonic() - started >= 0.1


def test_a_body_that_trickles_ends_at_the_deadline_too(connection: tuple[socket, socket]) -> None:
    server, client = connection
    with pytest.raises(BodyTimeout), Deadlines().within(server, 0.1):
        client.sendall(b"x")
        while server.recv(1):
            client.sendall(b"x")


def test_a_body_that_came_in_time_leaves_the_connection_as_it_was(
    connection: tuple[socket, socket],
) -> None:
    server, client = connection
    deadlines = Deadlines()
    with deadlines.within(server, 60):
        client.sendall(b"body")
        assert server.recv(4) == b"body"
    client.sendall(b"next")
    assert server.recv(4) == b"next"
    assert len(deadlines) == 0


def test_the_answer_can_still_be_sent_after_the_deadline(
    connection: tuple[socket, socket],
) -> None:
    server, client = connection
    with pytest.raises(BodyTimeout), Deadlines().within(server, 0.1):
        server.recv(1)
    server.sendall(b"408")
    assert client.recv(3) == b"408"


def test_without_a_connection_there_is_no_deadline() -> None:
    with Deadlines().within(None, 0.0):
        pass


def test_the_watch_leaves_a_read_alone_that_has_ended_meanwhile(
    connection: tuple[socket, socket],
) -> None:
    server, client = connection
    deadlines = Deadlines()
    with deadlines.within(server, 60) as earlier:
        assert earlier is not None
    with deadlines.within(server, 60):
        deadlines.enforce(server, earlier)
        client.sendall(b"next")
        assert server.recv(4) == b"next"
