"""The service against a query's process that a stranger has taken over."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from app.query.sql import process
from app.query.sql.errors import SqlCrashed, SqlNotBegun, SqlTimeout
from app.query.sql.process import QueryProcess
from app.query.sql.queries import read_result
from sandbox.protocol import BEGUN, Ending, Outcome, encode_message

MAX_BYTES = 1000


class Rogue:
    """A hostile query's process, played by the test.

    Attributes:
        connection: The process's end of the socket for its outcome.
        lifeline: The template's end of the lifeline.
        process: The service's view of the process.
    """

    def __init__(self) -> None:
        service_connection, self.connection = socket.socketpair()
        service_lifeline, self.lifeline = socket.socketpair()
        self._sockets = (service_connection, service_lifeline, self.connection, self.lifeline)
        self.process = QueryProcess(service_connection, service_lifeline, 0.5, None)

    def begin(self) -> None:
        """Begin as an honest process does, since it isn't a stranger's until then."""
        self.connection.sendall(BEGUN)
        self.process.wait_for_begin()

    def say(self, message: bytes, length: int | None = None) -> None:
        """Send one message and no more, with its length or another one in front."""
        self.connection.sendall(struct.pack("<I", len(message) if length is None else length))
        self.connection.sendall(message)
        self.connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close all ends."""
        for end in self._sockets:
            with suppress(OSError):
                end.close()


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    made = Rogue()
    made.begin()
    yield made
    made.close()


def outcome(**fields: Any) -> bytes:
    return msgspec.json.encode({"verdict": "answered", **fields})


def test_an_outcome_and_its_rows_are_received(rogue: Rogue) -> None:
    rogue.say(outcome(size_bytes=4) + b"rows", len(outcome(size_bytes=4)))
    told, rows = rogue.process.receive(MAX_BYTES)
    assert told == Outcome(verdict="answered", size_bytes=4)
    assert rows == b"rows"


@pytest.mark.parametrize(
    ("message", "length"),
    [
        (b"", None),
        (b"{}", None),
        (b"\xff\xfe", None),
        (outcome(verdict="root"), None),
        (outcome(size_bytes="many"), None),
        (outcome(size_bytes=MAX_BYTES + 1), None),
        (outcome(size_bytes=10), None),
        (outcome(), 2**32 - 1),
        (outcome(), len(outcome()) + 1),
    ],
)
def test_an_invalid_outcome_is_an_error(rogue: Rogue, message: bytes, length: int | None) -> None:
    rogue.say(message, length)
    with pytest.raises((EOFError, msgspec.DecodeError)):
        rogue.process.receive(MAX_BYTES)


def test_a_silent_process_times_out(rogue: Rogue) -> None:
    with pytest.raises(SqlTimeout):
        rogue.process.receive(MAX_BYTES)


def test_a_query_has_its_time_from_when_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(process, "monotonic", lambda: now[0])
    with closing(Rogue()) as rogue:
        # Longer than the query may take.
        now[0] += 5
        rogue.begin()
        rogue.say(outcome())
        assert rogue.process.receive(MAX_BYTES)[0] == Outcome(verdict="answered")


def test_a_process_that_does_not_begin_is_no_query_that_took_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_BEGIN_S", 0.01)
    task: Any = None
    with closing(Rogue()) as rogue, pytest.raises(SqlNotBegun, match=r"within 0\.01 s"):
        rogue.process.begin(task)


def test_how_a_process_ended_is_remembered(rogue: Rogue) -> None:
    ending = Ending(exit_code=-9, peak_memory_kib=1)
    rogue.lifeline.sendall(encode_message(ending))
    assert rogue.process.wait() == ending
    assert rogue.process.kill() == ending


@pytest.mark.parametrize("told", [b"", b"nonsense"])
def test_a_missing_or_invalid_report_of_an_ending_is_none(rogue: Rogue, told: bytes) -> None:
    rogue.lifeline.sendall(told)
    rogue.lifeline.close()
    assert rogue.process.kill() is None


def a_stream() -> bytearray:
    rows = pa.table({"text": ["some", "rows"]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytearray(sink.getvalue().to_pybytes())


def test_a_stream_is_read_as_its_batches() -> None:
    result = read_result(Outcome(verdict="answered"), a_stream())
    assert pa.Table.from_batches(result.batches).to_pylist() == [{"text": "some"}, {"text": "rows"}]


@pytest.mark.parametrize("position", range(0, len(a_stream()), 8))
def test_a_stream_that_is_cut_or_changed_never_breaks_the_service(position: int) -> None:
    changed = a_stream()
    changed[position] ^= 0xFF
    for stream in (changed, a_stream()[:position]):
        try:
            result = read_result(Outcome(verdict="answered"), stream)
        except SqlCrashed:
            continue
        for batch in result.batches:
            batch.validate(full=True)
