"""DuckDB as an in-memory database for the service's own queries over streams of Arrow.

Its memory is bounded; DuckDB spills what doesn't fit to the folder of this process. DuckDB calls no
checkpoints, so a thread beside each query calls them, and interrupts DuckDB when one of them
raises.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import pyarrow as pa

from app.state.spill import spill_folder
from catalog.checkpoints import POLL_S, Check, checkpoint, current_check
from catalog.errors import LakeError, Unavailable

if TYPE_CHECKING:
    import duckdb


class QueryUnavailable(Unavailable):
    """A query can't be answered now, for example because DuckDB's temporary disk is full."""


def open_scratch(memory_mib: int) -> "duckdb.DuckDBPyConnection":
    """Return a connection to an empty database that uses one thread.

    Args:
        memory_mib: Memory for the database; DuckDB spills what is more.
    """
    # Imported when it is first needed: most processes never query, and start without it.
    import duckdb  # noqa: PLC0415

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mib}MiB",
        "temp_directory": str(spill_folder()),
        "threads": 1,
    }
    return duckdb.connect(config=config)


class ScratchDatabase:
    """Lends out an empty database, to one query at a time since each may use all the memory."""

    def __init__(self, memory_mib: int) -> None:
        """Limit the memory of the query that runs."""
        self._memory_mib = memory_mib
        self._in_use = Lock()

    @contextmanager
    def connection(self) -> Iterator["duckdb.DuckDBPyConnection"]:
        """Yield a connection to an empty database, after waiting for queries before this one.

        Raises:
            QueryUnavailable: DuckDB failed, or a stream of Arrow that it read or wrote.
            OSError: A file of a stream is missing, or the disk is full.
            LakeError: A checkpoint raised it, because nobody waits for the answer any more.
        """
        import duckdb  # noqa: PLC0415  # as above

        while not self._in_use.acquire(timeout=POLL_S):
            checkpoint()
        try:
            with open_scratch(self._memory_mib) as connection, _interruptible(connection):
                yield connection
        except (duckdb.Error, pa.ArrowException) as error:
            # If it was interrupted, the checkpoint's own error says why, and DuckDB's doesn't.
            checkpoint()
            raise QueryUnavailable("this can't be worked out now") from error
        finally:
            self._in_use.release()


@contextmanager
def _interruptible(connection: "duckdb.DuckDBPyConnection") -> Iterator[None]:
    """Interrupt the connection in the block as soon as this thread's current check raises."""
    is_over = Event()
    watch = Thread(target=_watch, args=(connection, current_check(), is_over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        is_over.set()
        # Before the connection is closed: a closed one can't be interrupted.
        watch.join()


def _watch(connection: "duckdb.DuckDBPyConnection", check: Check, is_over: Event) -> None:
    while not is_over.wait(POLL_S):
        try:
            check()
        except LakeError:
            # Again and again: an interrupt between two statements stops neither of them.
            connection.interrupt()
