"""Copies of databases as they were at one moment, while others write to them.

A transaction that only reads keeps SQLite and PostgreSQL at the moment of its first statement. The
copy is made through that transaction, by the database's own means: SQLite's backup, or `pg_dump`,
which takes part in the transaction.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, NullPool, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url

from app.backup.errors import ToolFailed
from app.query.counts.models import CountsBase
from app.versions.models import VersionsBase
from catalog.storage.durability import sync_folder
from catalog.storage.postgres import with_timeouts

DERIVED_TABLES: Final = (*CountsBase.metadata.tables, *VersionsBase.metadata.tables)
"""Tables of PostgreSQL whose rows aren't in a backup; on SQLite they are in files of their own."""
_SQLITE: Final = "sqlite"
_PACKAGE: Final = "postgresql-client"
"""Debian's package with the programs of PostgreSQL."""


class PinnedDatabase:
    """A database as it was at one moment.

    Attributes:
        connection: A connection in a transaction that sees that moment.
    """

    def __init__(self, url: URL, connection: Connection) -> None:
        """Pin the database at this moment."""
        self._url = url
        self.connection = connection
        if is_sqlite(url):
            connection.execute(text("SELECT count(*) FROM sqlite_master"))
            self._snapshot = ""
        else:
            self._snapshot = str(connection.scalar(text("SELECT pg_export_snapshot()")))

    def copy_to(self, folder: Path, name: str) -> str:
        """Write a copy into a folder durably, and return the name of its file.

        Args:
            folder: The folder.
            name: Beginning of the file's name.

        Raises:
            ToolFailed: `pg_dump` is missing or has failed.
        """
        path = folder / (f"{name}.db" if is_sqlite(self._url) else f"{name}.dump")
        path.unlink(missing_ok=True)
        if is_sqlite(self._url):
            self._copy_sqlite(path)
        else:
            options = ("--format=custom", "--no-owner", "--no-privileges")
            without = (f"--exclude-table-data={name}" for name in DERIVED_TABLES)
            where = (f"--snapshot={self._snapshot}", f"--file={path}")
            run_tool("pg_dump", self._url, *options, *without, *where)
        sync_file(path)
        return path.name

    def _copy_sqlite(self, path: Path) -> None:
        source: Any = self.connection.connection.driver_connection
        with closing(sqlite3.connect(path)) as target:
            source.backup(target)
            # Not the pages of what was deleted before: it may have been taken down.
            target.execute("PRAGMA journal_mode = DELETE")
            target.execute("VACUUM")


@contextmanager
def pinnable(url: URL) -> Iterator[Connection]:
    """Yield a connection whose transaction begins with its first statement, and only reads."""
    engine = create_engine(with_timeouts(url), poolclass=NullPool, hide_parameters=True)
    if is_sqlite(url):
        event.listen(engine, "connect", _let_sqlalchemy_begin)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    else:
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        yield connection


@contextmanager
def writable(url: URL) -> Iterator[Connection]:
    """Yield a connection in a transaction, which is committed at the end."""
    engine = create_engine(with_timeouts(url), poolclass=NullPool, hide_parameters=True)
    with engine.begin() as connection:
        yield connection


def restore_database(copy: Path, url: URL) -> None:
    """Put a copy into an empty database of PostgreSQL.

    Raises:
        ToolFailed: `pg_restore` is missing or has failed; nothing is restored.
    """
    options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
    run_tool("pg_restore", url, *options, str(copy))


def is_sqlite(url: URL) -> bool:
    """Whether a URL names a file of SQLite."""
    return url.get_backend_name() == _SQLITE


def is_one_database(first: str, second: str) -> bool:
    """Whether two URLs name the same database of PostgreSQL."""
    urls = [make_url(first), make_url(second)]
    if any(map(is_sqlite, urls)):
        return False
    return len({(url.host, url.port or 5432, url.database) for url in urls}) == 1


def has_tables(url: URL) -> bool:
    """Tell whether a database has any tables; a file of SQLite that isn't there has none.

    Raises:
        SQLAlchemyError: The database can't be reached.
    """
    if is_sqlite(url):
        return Path(str(url.database)).exists()
    with pinnable(url) as connection:
        return bool(inspect(connection).get_table_names())


def sync_file(path: Path) -> None:
    """Make a file and its name durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)


def run_tool(tool: str, url: URL, *arguments: str) -> None:
    """Run a program of PostgreSQL on a database.

    Raises:
        ToolFailed: It is missing or has failed.
    """
    program = shutil.which(tool)
    if program is None:
        raise ToolFailed(tool, f"isn't installed; Debian has it in {_PACKAGE}")
    parts: dict[str, Any] = {**url.query, **url.translate_connect_args(username="user")}
    dbname = parts.pop("database", None)
    # What other users see of a process has no password.
    password = parts.pop("password", None)
    address = make_conninfo(dbname=dbname, **parts)
    done = subprocess.run(  # noqa: S603  # the program is PostgreSQL's, found on PATH
        [program, f"--dbname={address}", *arguments],
        env=os.environ | ({"PGPASSWORD": str(password)} if password else {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ToolFailed(tool, said)


def _let_sqlalchemy_begin(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
