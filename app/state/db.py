"""The relational database that holds the journal and the ledger."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from sqlalchemy import Connection, Insert, create_engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase

from app.settings import SettingsError
from app.state.locks import AdvisoryLock, FileLock, Lock
from app.state.sqlite import BEGIN_OPTION, STEP_PAUSE_S, SqliteFile
from catalog.durability import make_durable_folder
from catalog.postgres import with_timeouts

_VARIABLE: Final = "CHATLAKE_DATABASE_URL"
_TRUSTED_S: Final = 1.0
"""How long after its last transaction a connection that stays open is taken to be good."""
_DRIVERS: Final = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")


class Database:
    """Transactions on SQLite or PostgreSQL, with the same code.

    Nothing connects before the first transaction, so that each process, after its fork, has
    connections of its own.
    """

    def __init__(self, url: str) -> None:
        """Prepare to connect.

        Raises:
            SettingsError: The URL is malformed, is that of another kind of database, or of one in
                memory, which would lose what it acknowledged.
        """
        self.url = with_timeouts(_parse(url))
        self._engine = create_engine(
            self.url,
            pool_pre_ping=not self.is_sqlite,
            # They are people's conversations, and errors that quote them end up in logs.
            hide_parameters=True,
        )
        # The two share one pool; only SQLite reads the option.
        self._writing_engine = self._engine.execution_options(**{BEGIN_OPTION: "BEGIN IMMEDIATE"})
        self._file = SqliteFile(self._path, self._engine) if self.is_sqlite else None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database of one machine."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def _path(self) -> Path:
        if self.url.database in {None, "", ":memory:"}:
            raise SettingsError(_VARIABLE, "a database in memory keeps nothing")
        return Path(str(self.url.database))

    def make_folder(self) -> None:
        """Make the folder of an embedded database."""
        if self.is_sqlite:
            make_durable_folder(self._path.parent)

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
        with self.write_lock(), self._writing_engine.begin() as connection:
            yield connection

    @contextmanager
    def write_step(self) -> Iterator[Connection]:
        """Make one of many transactions in a row, as `write` does, and let others in after it.

        Who begins the next transaction at once has SQLite's write lock again before those who wait
        for it look.
        """
        with self.write() as connection:
            yield connection
        if self.is_sqlite:
            sleep(STEP_PAUSE_S)

    def write_lock(self) -> AbstractContextManager[None]:
        """Return what writers hold during a transaction, where they would disturb each other."""
        return self._file.write_lock() if self._file else nullcontext()

    def connect_to_write(self) -> Connection:
        """Return a connection for `PersistentWriter`, whose transactions are those of `write`."""
        return self._writing_engine.connect()

    def is_current(self, connection: Connection) -> bool:
        """Tell whether an open connection still leads to the database, as far as that shows."""
        return self._file is None or self._file.is_current(connection)

    def lock(self, name: str) -> Lock:
        """Return a lock that the processes on this database share, to be taken by its user."""
        if self.is_sqlite:
            return FileLock(self._path.with_name(f"{name}.lock"))
        return AdvisoryLock(self.url, name)

    def checkpoint(self) -> None:
        """Do the database's housekeeping, where it doesn't do it by itself."""
        if self._file:
            self._file.checkpoint()

    def dispose(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()


class PersistentWriter:
    """Makes one write transaction after the other on a connection that stays open.

    To take one from the pool and to give it back costs as much as a transaction with one statement.
    Only after a pause is it exchanged for one that the pool has tried out: the database may have
    been restarted meanwhile. It is for one thread at a time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._used_at = monotonic()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield the connection in a transaction, as `Database.write` does."""
        with self._database.write_lock():
            connection = self._connected()
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                # Whatever it was, the connection may be no good; the next one is.
                self.close()
                raise

    def close(self) -> None:
        """Give the connection back to the pool; the next transaction takes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        is_stale = monotonic() - self._used_at > _TRUSTED_S
        self._used_at = monotonic()
        if self._connection is not None and (
            is_stale or not self._database.is_current(self._connection)
        ):
            self.close()
        if self._connection is None:
            self._connection = self._database.connect_to_write()
        return self._connection


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise SettingsError(_VARIABLE, "not the URL of a database") from None
    if url.drivername not in _DRIVERS:
        raise SettingsError(_VARIABLE, f"{url.drivername} is not one of {', '.join(_DRIVERS)}")
    return url


def insert_missing(connection: Connection, model: type[DeclarativeBase]) -> Insert:
    """Return an insert that passes over rows whose unique keys exist already."""
    return _insert_missing(connection.dialect.name, model)


@cache
def _insert_missing(dialect: str, model: type[DeclarativeBase]) -> Insert:
    """Return the statement, made once: making it takes as long as running it."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = insert(model).on_conflict_do_nothing()
    # Else PostgreSQL's driver leaves the count of inserted rows unknown, which is not zero.
    return statement.execution_options(preserve_rowcount=True)
