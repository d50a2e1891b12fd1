"""Connections to a database that stay open from one transaction to the next."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from sqlalchemy import Connection

from app.state import driver
from app.state.db import Database

TRUSTED_S: Final = 1.0
"""Time since its last transaction after which an open connection is tested before it is used."""


class _Persistent:
    """A connection that stays open.

    Taking a connection from the pool and returning it costs as much as a transaction with one
    statement. After a pause, the connection is exchanged for one that the pool has tested, since
    the database may have been restarted. An object of this class must not be used by two threads at
    once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._used_at = monotonic()

    def close(self) -> None:
        """Give the connection back to the pool; whoever comes next takes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self, connect: Callable[[], Connection]) -> Connection:
        is_stale = monotonic() - self._used_at > TRUSTED_S
        self._used_at = monotonic()
        if self._connection is not None and (
            is_stale or not self._database.is_current(self._connection)
        ):
            self.close()
        if self._connection is None:
            self._connection = connect()
        return self._connection


class PersistentWriter(_Persistent):
    """Runs one write transaction after another on a connection that stays open."""

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield the connection in a transaction, as `Database.write` does.

        The caller holds `Database.write_lock`.
        """
        connection = self._connected(self._database.connect_to_write)
        try:
            with connection.begin():
                yield connection
        except BaseException:
            # After any error the connection may be broken; the next transaction takes another.
            self.close()
            raise


class PersistentReader(_Persistent):
    """Runs one query after another on a connection that stays open."""

    def fetch(self, text: Callable[[str], str], values: Sequence[Any]) -> driver.Rows:
        """Return the rows of a query, which sees what is committed by now.

        Args:
            text: Returns the query in the SQL of a database, given the name of its dialect.
            values: The values of its parameters: see `app.state.driver`.

        Raises:
            DBAPIError: The query failed.
            DerivedLost: The database is derived, and missing or damaged.
        """
        with self._database.watched():
            try:
                connection = self._connected(self._database.engine.connect)
                rows = driver.fetch(connection, text(connection.dialect.name), values)
                if not self._database.is_sqlite:
                    # The driver has begun a transaction, which would see what was committed then.
                    connection.connection.rollback()
            except BaseException:
                self.close()
                raise
        return rows
