"""What passes between the service and the processes of the sandbox.

For each query the service makes two socket pairs. On the first it sends the task, and the query's
process answers with an outcome and the rows. The other is the query's lifeline: when the service
shuts its end, or dies, the template kills the process; and the template tells there how it ended.

Tasks are pickled, since the service is trusted by the sandbox. The sandbox is not trusted by the
service: what comes from there is JSON that is checked against a type, and Arrow's IPC format.
"""

import pickle
import struct
from dataclasses import dataclass
from socket import socket
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds

LAUNCH: Final = b"q"
"""The message that starts a query's process; with it come its socket, its lifeline and its slot."""
LAUNCH_DESCRIPTORS: Final = 3

_LENGTH: Final = struct.Struct("<I")
_PIECE_BYTES: Final = 256 * 1024

Verdict = Literal["answered", "refused", "out_of_memory", "unreadable"]
TruncatedBy = Literal["sql_max_rows", "sql_max_bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """What one query may use.

    Attributes:
        memory_mib: Memory of its process, as the operating system counts it.
        cpu_s: Processor time of all its threads.
        threads: Threads that work on it.
        max_rows: Rows of its answer.
        max_bytes: Bytes of its answer, as Arrow.
    """

    memory_mib: int
    cpu_s: int
    threads: int
    max_rows: int
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One query on one snapshot.

    Attributes:
        query: Its text.
        dataset: The snapshot's files, and possibly newer rows in them.
        last_sequence_number: Rows with a higher number are newer; None when there are none.
        replaced: The ids of the versions that a later one replaced.
        limits: What it may use.
    """

    query: str
    dataset: ds.FileSystemDataset
    last_sequence_number: int | None
    replaced: pa.Array
    limits: QueryLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a query.

    Attributes:
        verdict: Whether it was answered, and if not, why.
        message: What is wrong with the query.
        truncated_by: The limit past which rows were left out.
        size_bytes: How many bytes of Arrow's stream format follow.
    """

    verdict: Verdict
    message: str = ""
    truncated_by: TruncatedBy | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a query's process ended.

    Attributes:
        exit_code: Its exit code; minus the number of the signal that killed it.
        peak_memory_kib: The most memory that it had, resident.
        out_of_memory: Whether the last that its libraries said was that there is no memory left.
    """

    exit_code: int
    peak_memory_kib: int
    out_of_memory: bool = False


def send_task(connection: socket, task: Task) -> None:
    """Send a task to its process."""
    _send(connection, pickle.dumps(task))


def receive_task(connection: socket) -> Task:
    """Return the task that the service sent.

    Raises:
        EOFError: It was taken back.
    """
    task = pickle.loads(_receive(connection))  # noqa: S301  # the service is trusted, see above
    assert isinstance(task, Task)  # noqa: S101  # only the service sends here
    return task


def send_outcome(connection: socket, outcome: Outcome, rows: pa.Buffer | None = None) -> None:
    """Send what became of a query, and the rows of its answer."""
    _send(connection, msgspec.json.encode(outcome))
    if rows is not None:
        connection.sendall(rows)


def encode(message: Ending) -> bytes:
    """Return the message that tells how a process ended."""
    return msgspec.json.encode(message)


def decode(data: bytes, kind: type[Any]) -> Any:
    """Return a message of a kind.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return msgspec.json.decode(data, type=kind)


def length_of(prefix: bytes) -> int:
    """Return the length that the first bytes of a message tell."""
    (length,) = _LENGTH.unpack(prefix)
    return int(length)


PREFIX_BYTES: Final = _LENGTH.size


def _send(connection: socket, message: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(message)))
    connection.sendall(message)


def _receive(connection: socket) -> bytearray:
    return _exactly(connection, length_of(bytes(_exactly(connection, PREFIX_BYTES))))


def _exactly(connection: socket, size_bytes: int) -> bytearray:
    data = bytearray()
    while len(data) < size_bytes:
        piece = connection.recv(min(_PIECE_BYTES, size_bytes - len(data)))
        if not piece:
            raise EOFError
        data += piece
    return data
