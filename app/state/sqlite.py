"""What SQLite needs from us that a database server does by itself."""

import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from catalog.sqlite import checkpoint_log, make_sqlite_durable

BEGIN_OPTION: Final = "chatlake_begin"
"""The execution option that says how a transaction begins."""
WRITE_LOCK_TIMEOUT_S: Final = 10
"""How long to wait for the other writers before leaving it to SQLite to sort them out."""
_WRITE_LOCK_POLL_S: Final = 0.0005
STEP_PAUSE_S: Final = 0.005
"""How long to leave the write lock between many transactions: those who wait look several times."""
_CHECKPOINT_PAGES: Final = 10_000
"""Length of the log at which a commit also makes a checkpoint: the committer makes them before."""
_INODE: Final = "inode"


class SqliteFile:
    """The file of an embedded database, whose writers are threads of several processes."""

    def __init__(self, path: Path, engine: Engine) -> None:
        """Make the engine durable, and its transactions begin where we say."""
        self._path = path
        self._engine = engine
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._thread_lock = Lock()
        # Opened with the first transaction, which is after the fork of a worker.
        self._descriptor: int | None = None
        make_sqlite_durable(engine, _CHECKPOINT_PAGES)
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "connect", self._remember_file)
        event.listen(engine, "checkout", self._check_file)
        event.listen(engine, "begin", _begin)

    @contextmanager
    def write_lock(self) -> Iterator[None]:
        """Wait for the other writers, in short steps.

        SQLite's own writers poll with sleeps that grow to 100 ms, so that one process can starve
        another for as long as it is busy. This lock only adds fairness: SQLite still locks, and
        what can't be had in time is left to it.
        """
        with self._thread_lock:
            descriptor = self._lock_file()
            _lock(descriptor)
            try:
                yield
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _lock_file(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(
                self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
            weakref.finalize(self, os.close, self._descriptor)
        return self._descriptor

    def checkpoint(self) -> None:
        """Move the log into the database as far as no reader needs it, and bound its length.

        Done here, no commit has to wait until it is done as part of it.
        """
        checkpoint_log(self._engine, self.write_lock)

    def is_current(self, connection: Connection) -> bool:
        """Tell whether a connection's file is the one that has its name: what else gets is lost.

        Raises:
            FileNotFoundError: It was deleted.
        """
        return bool(connection.info[_INODE] == self._path.stat().st_ino)

    def _remember_file(self, _connection: object, entry: ConnectionPoolEntry) -> None:
        entry.info[_INODE] = self._path.stat().st_ino

    def _check_file(self, _connection: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
        """Have the pool connect anew when the file was replaced: what the old one gets is lost.

        Raises:
            FileNotFoundError: It was deleted.
        """
        if entry.info[_INODE] != self._path.stat().st_ino:
            raise DisconnectionError(f"{self._path} was replaced")


def _lock(descriptor: int) -> None:
    deadline = monotonic() + WRITE_LOCK_TIMEOUT_S
    while monotonic() < deadline:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(_WRITE_LOCK_POLL_S)
        else:
            return


def _leave_transactions_to_us(connection: object, _entry: object) -> None:
    # The driver's own BEGIN comes late and is never IMMEDIATE.
    connection.isolation_level = None  # type: ignore[attr-defined]  # SQLAlchemy says object


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN_OPTION, "BEGIN"))
