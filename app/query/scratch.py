"""DuckDB over streams of Arrow, in bounded memory: what is more spills to the temporary folder.

DuckDB passes no checkpoints. A watch beside each question does, and interrupts DuckDB when nobody
wants the answer any more.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import pyarrow as pa

from catalog.checkpoints import POLL_S, Check, checkpoint, current_check
from catalog.errors import LakeError

if TYPE_CHECKING:
    import duckdb


class QueryUnavailable(LakeError):
    """A question can't be answered now, as when the disk is full that DuckDB spills to."""


def open_scratch(memory_mib: int) -> "duckdb.DuckDBPyConnection":
    """Return a connection to an empty database that uses up to so much memory, and one thread."""
    # DuckDB is for questions: a process that asks none starts and ends without it.
    import duckdb  # noqa: PLC0415

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mib}MiB",
        "temp_directory": tempfile.gettempdir(),
        "threads": 1,
    }
    return duckdb.connect(config=config)


class ScratchDatabase:
    """Answers questions one at a time: each would hold as much memory."""

    def __init__(self, memory_mib: int) -> None:
        """Use up to this much memory."""
        self._memory_mib = memory_mib
        self._turn = Lock()

    @contextmanager
    def connection(self) -> Iterator["duckdb.DuckDBPyConnection"]:
        """Yield a connection to an empty database, once the questions before are answered.

        Raises:
            QueryUnavailable: DuckDB failed, or a stream that it read or wrote.
            OSError: So did a stream, for want of a file or of room.
            LakeError: What a check raised: nobody wants the answer any more.
        """
        import duckdb  # noqa: PLC0415  # as above

        while not self._turn.acquire(timeout=POLL_S):
            checkpoint()
        try:
            with open_scratch(self._memory_mib) as connection, _interruptible(connection):
                yield connection
        except (duckdb.Error, pa.ArrowException) as error:
            # Where the check stopped it, DuckDB reports that in words of its own.
            checkpoint()
            raise QueryUnavailable("this can't be worked out now") from error
        finally:
            self._turn.release()


@contextmanager
def _interruptible(connection: "duckdb.DuckDBPyConnection") -> Iterator[None]:
    """Interrupt what a connection does in the block once the check of this thread's work raises."""
    over = Event()
    watch = Thread(target=_watch, args=(connection, current_check(), over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        # An interrupted connection must still be open.
        watch.join()


def _watch(connection: "duckdb.DuckDBPyConnection", check: Check, over: Event) -> None:
    while not over.wait(POLL_S):
        try:
            check()
        except LakeError:
            # At every look: an interrupt between two statements stops neither.
            connection.interrupt()


def spool(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Write the rows of an answer to a temporary file, and return them from there.

    A client may read them as slowly as it likes: DuckDB and its memory are free by then.

    Raises:
        OSError: They don't fit on the disk.
    """
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with tempfile.NamedTemporaryFile() as file:
        with pa.ipc.new_stream(file, rows.schema, options=options) as writer:
            for batch in rows:
                writer.write_batch(batch)
        file.flush()
        # Its name goes now, and what it holds with the reader.
        return pa.ipc.open_stream(pa.OSFile(file.name))
