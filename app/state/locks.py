"""Locks between processes, on one machine or on several, that are released when the holder dies.

With SQLite, all processes are on one machine. A lock is flock(2) on a file beside the database, and
the kernel releases it. With PostgreSQL, a lock is an advisory lock of a session that has its own
connection, and the server releases it when that connection is lost.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import sleep
from typing import IO, Final, Protocol

from sqlalchemy import Connection, NullPool, create_engine, func, select
from sqlalchemy.engine import URL

_POLL_S: Final = 0.2
_KEY_BYTES: Final = 8
"""PostgreSQL identifies advisory locks by a number of 64 bits."""


class Lock(Protocol):
    """A lock that at most one process holds at a time."""

    def try_acquire(self) -> bool:
        """Take the lock unless another process holds it, and tell whether it was taken.

        Raises:
            SQLAlchemyError: The database can't be asked.
            OSError: The file can't be opened.
        """

    def is_taken(self) -> bool:
        """Tell whether another process holds the lock, by taking it in shared mode for a moment."""

    def check(self) -> None:
        """Verify that the lock is still held.

        Raises:
            SQLAlchemyError: The connection that held the lock is lost, and the lock with it.
        """

    def close(self) -> None:
        """Release the lock if it is held."""


class FileLock:
    """flock(2) on a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def try_acquire(self) -> bool:
        """Take the lock unless another process holds it, and tell whether it was taken."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a")
        return _lock(self._file, fcntl.LOCK_EX)

    def is_taken(self) -> bool:
        """Tell whether another process holds the lock, by taking it in shared mode for a moment."""
        try:
            with self._path.open() as file:
                return not _lock(file, fcntl.LOCK_SH)
        except FileNotFoundError:
            return False

    def check(self) -> None:
        """Do nothing: the kernel doesn't take a lock from a living process."""

    def close(self) -> None:
        """Release the lock if it is held."""
        if self._file is not None:
            self._file.close()
            self._file = None


class AdvisoryLock:
    """PostgreSQL's advisory lock of a session, on a connection that nothing else uses.

    https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    A pooler between must pool sessions: one that pools transactions would let others have the lock.
    """

    def __init__(self, url: URL, name: str) -> None:
        digest = hashlib.sha256(f"chatlake {name}".encode()).digest()
        self._key = int.from_bytes(digest[:_KEY_BYTES], signed=True)
        self._engine = create_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"application_name": f"chatlake {name}"},
        )
        self._connection: Connection | None = None

    def try_acquire(self) -> bool:
        """Take the lock unless another process holds it, and tell whether it was taken."""
        return bool(self._connected().scalar(select(func.pg_try_advisory_lock(self._key))))

    def is_taken(self) -> bool:
        """Tell whether another process holds the lock, by taking it in shared mode for a moment."""
        try:
            free = self._connected().scalar(select(func.pg_try_advisory_lock_shared(self._key)))
        finally:
            self.close()
        return not free

    def check(self) -> None:
        """Verify that the connection that holds the lock is alive."""
        if self._connection is not None:
            self._connection.scalar(select(1))

    def close(self) -> None:
        """Release the lock if it is held, by closing its connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.invalidated:
            self.close()
            self._connection = self._engine.connect()
        return self._connection


def _lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file.fileno(), kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def holding(lock: Lock) -> Iterator[None]:
    """Wait for a lock, and hold it within the block."""
    with closing(lock):
        while not lock.try_acquire():
            sleep(_POLL_S)
        yield
