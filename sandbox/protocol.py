"""The messages between the service and the processes of the sandbox.

For each query the service makes two socket pairs. The first is between the service and the query's
process: the service sends the task, and the process says that it begins, and answers with an
outcome and the rows. The second, the query's lifeline, is between the service and the template:
when the service shuts its end or dies, the template kills the query's process; when the process has
ended, the template reports how.

The sandbox trusts the service, so tasks are pickled. The service doesn't trust the sandbox: what it
receives is JSON that is checked against a type, and rows in Arrow's IPC format.
"""

import pickle
import struct
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from socket import socket
from typing import Any, Final, Literal, Self

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds

LAUNCH: Final = b"q"
"""The message that starts a query's process. The file descriptors of its socket, its lifeline and
its slot come with it."""
LAUNCH_DESCRIPTORS: Final = 3
BEGUN: Final = b"b"
"""What a query's process sends right before it runs the query, while only code of ours has run."""

_LENGTH: Final = struct.Struct("<I")
PREFIX_BYTES: Final = _LENGTH.size
"""The size of the length that stands before a message."""

_PIECE_BYTES: Final = 256 * 1024

Verdict = Literal["answered", "refused", "out_of_memory", "unreadable"]
TruncatedBy = Literal["sql_max_rows", "sql_max_bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """The most that one query may use and return.

    Attributes:
        memory_mib: Memory of its process, as the operating system counts it.
        cpu_s: Processor time of all its threads together, in seconds.
        threads: The number of DuckDB's threads.
        max_rows: The number of rows of its result.
        max_bytes: The size of its result in Arrow, in bytes.
    """

    memory_mib: int
    cpu_s: int
    threads: int
    max_rows: int
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFiles:
    """The Parquet files of a snapshot, on this machine, for DuckDB's own reader.

    Attributes:
        paths: Paths of the files, without characters that DuckDB would take for a pattern.
        sequence_numbers: The sequence number of each file, for rows without one of their own.
        schema: The columns of the table. Each field has its Iceberg id in its metadata, by which
            columns are found in files of any age.
    """

    paths: tuple[str, ...]
    sequence_numbers: tuple[int, ...]
    schema: pa.Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedFiles:
    """The data files that tell which contributions later versions have replaced.

    Attributes:
        paths: Paths of the files, in the filesystem of the snapshot's files.
        days: The day on which the contributions of each file were received, in UTC.
        last_sequence_number: The highest sequence number of a row that counts; None when the files
            have no higher ones.
        schema: The columns `contribution_id` and `sequence_number`, with their Iceberg ids.
    """

    paths: tuple[str, ...]
    days: tuple[date, ...]
    last_sequence_number: int | None
    schema: pa.Schema

    def of(self, days: Collection[date]) -> Self:
        """Return the files of some days."""
        chosen = [place for place in zip(self.paths, self.days, strict=True) if place[1] in days]
        paths, its_days = zip(*chosen, strict=True) if chosen else ((), ())
        return replace(self, paths=paths, days=its_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One query on one snapshot.

    Attributes:
        query: The text in SQL.
        dataset: The snapshot's files, which may have rows that are newer than the snapshot.
        days: The day on which the rows of each of these files were received, in UTC.
        local: The files of `dataset` as DuckDB's own reader takes them; None where it can't read
            them, such as in an object store.
        last_sequence_number: The highest sequence number of the snapshot's rows; None when the
            files have no newer rows.
        replaced: What tells which contributions a later version has replaced.
        hidden: The contribution_ids that no table of the query has, ascending.
        rows: Number of rows of the table `contributions`; None where files have to be read for it.
        limits: The limits of the query.
    """

    query: str
    dataset: ds.FileSystemDataset
    days: tuple[date, ...]
    local: LocalFiles | None
    last_sequence_number: int | None
    replaced: ReplacedFiles
    hidden: pa.Array
    rows: int | None
    limits: QueryLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a query.

    Attributes:
        verdict: Whether the query was answered, and if not, why.
        message: What is wrong with the query; empty unless it was refused.
        truncated_by: The setting by which rows were left out; None when none were.
        size_bytes: The size of the rows in Arrow's stream format, which follow, in bytes.
    """

    verdict: Verdict
    message: str = ""
    truncated_by: TruncatedBy | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a query's process ended.

    Attributes:
        exit_code: The exit code, or minus the number of the signal that killed the process.
        peak_memory_kib: The peak of the process's resident memory.
        out_of_memory: Whether its libraries printed that they had no memory left.
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
        EOFError: The service closed the connection before the end of the task.
    """
    task = pickle.loads(_receive(connection))  # noqa: S301  # the service is trusted, see above
    assert isinstance(task, Task)  # noqa: S101  # only the service sends here
    return task


def send_outcome(connection: socket, outcome: Outcome, rows: pa.Buffer | None = None) -> None:
    """Send the outcome of a query, and the rows of its result in Arrow's stream format."""
    _send(connection, msgspec.json.encode(outcome))
    if rows is not None:
        connection.sendall(rows)


def encode_message(message: Ending) -> bytes:
    """Return a message in JSON."""
    return msgspec.json.encode(message)


def decode_message(data: bytes, kind: type[Any]) -> Any:
    """Return the message of a type that some JSON holds.

    Raises:
        msgspec.DecodeError: The data isn't such a message.
    """
    return msgspec.json.decode(data, type=kind)


def message_length(prefix: bytes) -> int:
    """Return the length of a message, in bytes, from the bytes before the message."""
    (length,) = _LENGTH.unpack(prefix)
    return int(length)


def _send(connection: socket, message: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(message)))
    connection.sendall(message)


def _receive(connection: socket) -> bytearray:
    return _exactly(connection, message_length(bytes(_exactly(connection, PREFIX_BYTES))))


def _exactly(connection: socket, size_bytes: int) -> bytearray:
    data = bytearray()
    while len(data) < size_bytes:
        piece = connection.recv(min(_PIECE_BYTES, size_bytes - len(data)))
        if not piece:
            raise EOFError
        data += piece
    return data
