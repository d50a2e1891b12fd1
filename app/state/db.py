"""The relational database that holds the journal and the ledger."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from glob import escape
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Insert, MetaData, create_engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import DeclarativeBase

from app.settings import SettingsError
from app.state.derived import DerivedLost, is_damage, is_loss
from app.state.locks import AdvisoryLock, FileLock, Lock
from app.state.models import Base
from app.state.samples import forgo_samples
from app.state.sqlite import BEGIN_OPTION, SqliteFile
from catalog.storage.durability import make_durable_folder
from catalog.storage.postgres import with_timeouts

_VARIABLE: Final = "CHATLAKE_DATABASE_URL"
_TABLE_LOCK_TIMEOUT_S: Final = 5
_DRIVERS: Final = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")


class Database:
    """Transactions on SQLite or PostgreSQL, with the same code.

    Nothing connects before the first transaction, so each process opens its own connections after
    its fork.

    Attributes:
        url: The URL of the database, with timeouts.
        engine: SQLAlchemy's engine, which holds the pool of connections.
    """

    def __init__(self, url: str, *, is_derived: bool = False) -> None:
        """Prepare to connect.

        Args:
            url: URL of the database.
            is_derived: Whether its content can be computed again. SQLite doesn't sync commits then.

        Raises:
            SettingsError: The URL is malformed, names another kind of database, or one in memory,
                which would lose what was acknowledged.
        """
        self.url = with_timeouts(_parse(url))
        self.engine = create_engine(
            self.url,
            pool_pre_ping=not self.is_sqlite,
            # Parameters hold people's conversations, and error messages end up in logs.
            hide_parameters=True,
        )
        # Both engines share one pool; only SQLite reads the option.
        self._writing_engine = self.engine.execution_options(**{BEGIN_OPTION: "BEGIN IMMEDIATE"})
        self._file = (
            SqliteFile(self._path, self.engine, is_derived=is_derived) if self.is_sqlite else None
        )
        self._is_derived = is_derived

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite, which serves one machine only."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def _path(self) -> Path:
        if self.url.database in {None, "", ":memory:"}:
            raise SettingsError(_VARIABLE, "a database in memory keeps nothing")
        return Path(str(self.url.database))

    def derived(self, name: str) -> "Database":
        """Return the database for what can be computed again from the lake.

        On SQLite it is a file of its own beside this one, so that who writes to it doesn't hold the
        lock that submissions wait for. Elsewhere it is this database.

        Args:
            name: What the file's name ends with.
        """
        if not self.is_sqlite:
            return self
        path = _derived_path(self._path, name)
        url = self.url.set(database=str(path)).render_as_string(hide_password=False)
        return Database(url, is_derived=True)

    def create_derived(self, metadata: MetaData) -> None:
        """Create the tables of a derived database, empty, unless they are there."""
        self.make_folder()
        try:
            self._create(metadata)
        except DerivedLost:
            # The damaged database has been removed, so a new one is made.
            self._create(metadata)

    def _create(self, metadata: MetaData) -> None:
        with self.write() as connection:
            metadata.create_all(connection)

    def make_folder(self) -> None:
        """Create the folder of a SQLite database."""
        if self.is_sqlite:
            make_durable_folder(self._path.parent)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that only reads.

        Raises:
            DerivedLost: It is derived, and missing or damaged.
        """
        with self.watched(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that commits at the end, or rolls back on an error.

        On SQLite it takes the write lock at its start: a transaction that reads first and writes
        later fails if another writer came in between.

        Raises:
            DerivedLost: It is derived, and missing or damaged.
        """
        with self.watched(), self.write_lock(), self._writing_engine.begin() as connection:
            yield connection

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Remove a derived database that turns out to be damaged, so that it is made anew.

        Raises:
            DerivedLost: The database is damaged or was removed; a later call finds a new one.
        """
        if self._file is None or not self._is_derived:
            yield
            return
        inode = self._file.inode()
        try:
            yield
        except (DBAPIError, sqlite3.Error, FileNotFoundError) as error:
            if is_damage(error):
                self._file.remove(inode)
            elif not is_loss(error):
                raise
            raise DerivedLost(self._path.name) from error

    @contextmanager
    def write_erasing(self) -> Iterator[Connection]:
        """Yield a connection as `write` does; what it deletes is overwritten in SQLite's pages.

        Otherwise pages that become free would keep it, and so would the log.
        """
        with self.write() as connection:
            if not self.is_sqlite:
                yield connection
                return
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
            try:
                yield connection
            finally:
                # Others that write on this connection would wait for pages to be written twice.
                connection.exec_driver_sql("PRAGMA secure_delete = OFF")

    def write_lock(self) -> AbstractContextManager[None]:
        """Return the lock that SQLite's writers hold during a transaction; elsewhere, no lock."""
        return self._file.write_lock() if self._file else nullcontext()

    def connect_to_write(self) -> Connection:
        """Return a connection for `PersistentWriter`, whose transactions are those of `write`."""
        return self._writing_engine.connect()

    def is_current(self, connection: Connection) -> bool:
        """Tell whether an open connection still leads to the database: SQLite's file may change."""
        return self._file is None or self._file.is_current(connection)

    def lock(self, name: str) -> Lock:
        """Return a lock, not taken yet, that all processes on this database share by its name."""
        if self.is_sqlite:
            return FileLock(self._path.with_name(f"{name}.lock"))
        return AdvisoryLock(self.url, name)

    def checkpoint(self, kept_bytes: int) -> int:
        """Move SQLite's log into the database: see `catalog.storage.sqlite.checkpoint_log`."""
        return self._file.checkpoint(kept_bytes) if self._file else 0

    def compact(self, *models: type[DeclarativeBase]) -> None:
        """Write tables anew, so that nothing that was removed or replaced is left in a file.

        Others may use the database; those who write wait. PostgreSQL's log of writes and backups
        aren't touched: the server recycles the former.

        Args:
            models: The tables on PostgreSQL; all without any. SQLite writes all of them anyway.

        Raises:
            SQLAlchemyError: PostgreSQL can't have the tables to itself now.
            LogBusy: A reader needs SQLite's log for too long.
        """
        if self._file:
            self._file.compact()
            return
        names = [model.__tablename__ for model in models] or list(Base.metadata.tables)
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Statements that come later wait behind one that waits for its lock.
            connection.exec_driver_sql(f"SET lock_timeout = '{_TABLE_LOCK_TIMEOUT_S}s'")
            connection.exec_driver_sql(f"VACUUM FULL {', '.join(names)}")
            forgo_samples(connection)
            connection.exec_driver_sql("RESET lock_timeout")

    def dispose(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()


def derived_files(path: Path) -> list[Path]:
    """Return the files of databases that are derived from a SQLite database: `Database.derived`.

    Args:
        path: The file of the database, which needn't be there.
    """
    return sorted(path.parent.glob(_derived_path(Path(escape(path.name)), "*").name))


def _derived_path(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}-{name}{path.suffix}")


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise SettingsError(_VARIABLE, "not the URL of a database") from None
    if url.drivername not in _DRIVERS:
        raise SettingsError(_VARIABLE, f"{url.drivername} is not one of {', '.join(_DRIVERS)}")
    return url


def insert_missing(connection: Connection, model: type[DeclarativeBase]) -> Insert:
    """Return an INSERT that skips rows whose unique keys exist already."""
    return _insert_missing(connection.dialect.name, model)


@cache
def _insert_missing(dialect: str, model: type[DeclarativeBase]) -> Insert:
    """Return the cached statement: building it takes as long as running it."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = insert(model).on_conflict_do_nothing()
    # Without it, the number of inserted rows is unknown on PostgreSQL, rather than zero.
    return statement.execution_options(preserve_rowcount=True)
