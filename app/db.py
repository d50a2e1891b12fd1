"""The relational database that holds the journal and the ledger."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Insert, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase

from catalog.connection import make_sqlite_durable
from catalog.durability import make_durable_folder

_BEGIN = "chatlake_begin"


class Database:
    """Transactions on SQLite or PostgreSQL, with the same code.

    Nothing connects before the first transaction, so that each process, after its fork, has
    connections of its own.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._engine = create_engine(
            self.url,
            pool_pre_ping=self.url.get_backend_name() != "sqlite",
            # They are people's conversations, and errors that quote them end up in logs.
            hide_parameters=True,
        )
        self._turn = _file_lock(self.url.database) if self.is_sqlite else nullcontext
        # The two share one pool; the option is for `_begin`.
        self._writing_engine = self._engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        if self.is_sqlite:
            make_sqlite_durable(self._engine)
            event.listen(self._engine, "connect", _leave_transactions_to_us)
            event.listen(self._engine, "begin", _begin)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database of one machine."""
        return self.url.get_backend_name() == "sqlite"

    def make_folder(self) -> None:
        """Make the folder of an embedded database."""
        if self.is_sqlite and self.url.database:
            make_durable_folder(Path(self.url.database).parent)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that only reads."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that commits at the end, or rolls back on an error.

        On SQLite it takes the write lock at once: a transaction that reads first and then finds
        another writer ahead of it could only fail.
        """
        with self._turn(), self._writing_engine.begin() as connection:
            yield connection

    def checkpoint(self) -> None:
        """Have SQLite move its WAL into the database as far as no reader needs it.

        Done here, no commit has to wait until it is done as part of it.
        """
        if self.is_sqlite:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def dispose(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()


def insert_missing(connection: Connection, model: type[DeclarativeBase]) -> Insert:
    """Return an insert that passes over rows whose unique keys exist already."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(model).on_conflict_do_nothing()
    return postgresql.insert(model).on_conflict_do_nothing()


def _file_lock(database: str | None) -> Callable[[], AbstractContextManager[None]]:
    """Return a lock in which the writers of a SQLite database take turns.

    SQLite's own writers poll with growing sleeps, so that one process can starve another for as
    long as it is busy; flock(2) wakes the next one. It only adds fairness: SQLite still locks.
    """
    if not database:
        return nullcontext
    path = Path(f"{database}.turn")
    in_process = Lock()

    @contextmanager
    def turn() -> Iterator[None]:
        with in_process, path.open("a") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            yield

    return turn


def _leave_transactions_to_us(connection: object, _entry: object) -> None:
    # The driver's own BEGIN comes late and is never IMMEDIATE.
    connection.isolation_level = None  # type: ignore[attr-defined]


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))
