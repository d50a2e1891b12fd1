"""What SQLite needs from us that a database server does by itself."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from sqlalchemy import Connection, Engine, event

from catalog.connection import make_sqlite_durable

BEGIN_OPTION: Final = "chatlake_begin"
"""The execution option that says how a transaction begins."""


class SqliteFile:
    """The file of an embedded database, whose writers are threads of several processes."""

    def __init__(self, path: Path, engine: Engine) -> None:
        """Make the engine durable, and its transactions begin where we say."""
        self._path = path
        self._engine = engine
        self._turn = path.with_name(f"{path.name}.turn")
        self._thread_turn = Lock()
        self._inode: int | None = None
        make_sqlite_durable(engine)
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until it is this thread's turn to write.

        SQLite's own writers poll with growing sleeps, so that one process can starve another for
        as long as it is busy; flock(2) wakes the next one. It adds fairness: SQLite still locks.

        Raises:
            FileNotFoundError: The database was deleted.
        """
        with self._thread_turn, self._turn.open("a") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            self._let_go_of_a_replaced_file()
            yield

    def checkpoint(self) -> None:
        """Move the WAL into the database as far as no reader needs it.

        Done here, no commit has to wait until it is done as part of it.
        """
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def _let_go_of_a_replaced_file(self) -> None:
        """Open the file anew when its name means another: what the old one gets is lost."""
        if self._inode is None and not self._path.exists():
            return  # the first connection makes it
        inode = self._path.stat().st_ino
        if self._inode not in {None, inode}:
            self._engine.dispose()
        self._inode = inode


def _leave_transactions_to_us(connection: object, _entry: object) -> None:
    # The driver's own BEGIN comes late and is never IMMEDIATE.
    connection.isolation_level = None  # type: ignore[attr-defined]  # SQLAlchemy says object


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN_OPTION, "BEGIN"))
