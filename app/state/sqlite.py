"""Transactions, fairness between writers and file checks of a SQLite database of several processes.

A database server does all of this by itself.
"""

import fcntl
import os
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from app.state import driver
from catalog.errors import Unavailable
from catalog.storage.sqlite import checkpoint_log, make_sqlite_durable

BEGIN_OPTION: Final = "chatlake_begin"
"""Name of the execution option with the statement that begins a transaction."""
WRITE_LOCK_TIMEOUT_S: Final = 10
"""Longest wait for other writers, after which only SQLite's own locking remains."""
_CHECKPOINT_PAGES: Final = 25_000
"""Length of the log, in pages, at which a commit makes a checkpoint and waits for it. While a
committer runs, its process makes one long before."""
_INODE: Final = "inode"
LOG_TIMEOUT_S: Final = 30
"""Longest wait for those who read the log that is to be emptied."""
_LOG_POLL_S: Final = 0.1


class LogBusy(Unavailable):
    """The log of a SQLite database can't be emptied, since somebody reads it all the time."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"a reader keeps the log of {path} from being emptied")
        self.path = path


class SqliteFile:
    """The file of a SQLite database, whose writers are threads of several processes."""

    def __init__(self, path: Path, engine: Engine, *, is_derived: bool = False) -> None:
        """Make an engine durable, and let the service begin its transactions itself.

        Args:
            path: The database's file.
            engine: An engine of this database.
            is_derived: Whether its content can be computed again, so that commits aren't synced.
        """
        self._path = path
        self._engine = engine
        self._thread_lock = Lock()
        self._queue = _LockFile(path.with_name(f"{path.name}.queue.lock"))
        self._turn = _LockFile(path.with_name(f"{path.name}.lock"))
        make_sqlite_durable(engine, _CHECKPOINT_PAGES, "NORMAL" if is_derived else "FULL")
        event.listen(engine, "connect", _disable_driver_transactions)
        event.listen(engine, "connect", self._remember_file)
        event.listen(engine, "checkout", self._check_file)
        event.listen(engine, "begin", _begin)

    @contextmanager
    def write_lock(self) -> Iterator[None]:
        """Hold the lock between writers within the block, after waiting for it.

        SQLite's own writers poll with sleeps of up to 100 ms, so a busy process could starve
        another one. This lock only adds fairness: SQLite still locks by itself, and when this lock
        can't be had in time, the block runs without it.

        A process queues for its turn, and nobody else can queue before it has got it. So a writer
        that begins its next transaction at once comes after the one that waits already.
        """
        with self._thread_lock:
            # One time limit for both, so that a process that hangs delays everybody by no more.
            deadline = monotonic() + WRITE_LOCK_TIMEOUT_S
            self._queue.acquire(deadline)
            try:
                self._turn.acquire(deadline)
            finally:
                self._queue.release()
            try:
                yield
            finally:
                self._turn.release()

    def checkpoint(self, kept_bytes: int) -> int:
        """Move the log into the database: see `catalog.storage.sqlite.checkpoint_log`.

        Called regularly, it saves commits from having to do it.
        """
        return checkpoint_log(self._engine, self.write_lock, kept_bytes)

    def compact(self) -> None:
        """Write the file anew, without what was removed, and empty the log.

        Writers wait while the file is written. Readers don't, and the log can't be emptied while
        one of them needs it.

        Raises:
            LogBusy: A reader needed it for `LOG_TIMEOUT_S`.
        """
        with closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            with self.write_lock():
                cursor.execute("VACUUM")
            deadline = monotonic() + LOG_TIMEOUT_S
            while monotonic() < deadline:
                is_busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not is_busy:
                    return
                sleep(_LOG_POLL_S)
        raise LogBusy(self._path)

    def inode(self) -> int | None:
        """Return the number of the file in its file system; None without a file."""
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return None

    def remove(self, inode: int | None) -> None:
        """Remove the file with its log, unless another file has taken its place by now.

        Args:
            inode: The number of the file to remove.
        """
        with self.write_lock():
            if inode is not None and self.inode() == inode:
                for suffix in ("", "-wal", "-shm"):
                    self._path.with_name(f"{self._path.name}{suffix}").unlink(missing_ok=True)
        self._engine.dispose()

    def is_current(self, connection: Connection) -> bool:
        """Tell whether a connection's file still has the database's name, or writes would be lost.

        Raises:
            FileNotFoundError: The database was deleted.
        """
        return bool(connection.info[_INODE] == self._path.stat().st_ino)

    def _remember_file(self, _connection: object, entry: ConnectionPoolEntry) -> None:
        entry.info[_INODE] = self._path.stat().st_ino

    def _check_file(self, _connection: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
        """Make the pool connect again when the file was replaced, since writes to it are lost.

        Raises:
            FileNotFoundError: The database was deleted.
        """
        if entry.info[_INODE] != self._path.stat().st_ino:
            raise DisconnectionError(f"{self._path} was replaced")


class _LockFile:
    """A file whose lock one thread of all processes holds at a time.

    flock(2) has no time limit, so another thread waits in it. Trying again every 0.2 ms instead
    took up to a quarter of the processor time of a group of submissions.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turns: SimpleQueue[Future[None] | None] = SimpleQueue()
        # Opened with the first transaction, which is after the fork of a worker.
        self._descriptor: int | None = None

    def acquire(self, deadline: float) -> None:
        """Take the lock, or return without it when it can't be had by the deadline.

        Args:
            deadline: The latest time to return, by the monotonic clock, in seconds.
        """
        if self._descriptor is None:
            self._descriptor = self._open()
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            turn: Future[None] = Future()
            self._turns.put(turn)
            try:
                turn.result(max(deadline - monotonic(), 0))
            except TimeoutError:
                turn.cancel()

    def release(self) -> None:
        """Let the next one take the lock."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _open(self) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        waiting = (descriptor, self._turns)
        Thread(target=_wait_for_turns, args=waiting, name="write lock", daemon=True).start()
        weakref.finalize(self, self._turns.put, None)
        return descriptor


def _wait_for_turns(descriptor: int, turns: "SimpleQueue[Future[None] | None]") -> None:
    """Wait for the lock of a file on behalf of one turn after another, and close the file at None.

    Args:
        descriptor: The file.
        turns: The turns, each of which is done once the lock is taken. The lock isn't kept for
            those that were cancelled by then.
    """
    while (turn := turns.get()) is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if turn.set_running_or_notify_cancel():
            turn.set_result(None)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _disable_driver_transactions(connection: object, _entry: object) -> None:
    # The driver's own BEGIN comes late and is never IMMEDIATE.
    connection.isolation_level = None  # type: ignore[attr-defined]  # SQLAlchemy says object


def _begin(connection: Connection) -> None:
    driver.change(connection, connection.get_execution_options().get(BEGIN_OPTION, "BEGIN"))
