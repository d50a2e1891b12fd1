"""Statements that the driver runs as they are, past SQLAlchemy, in transactions that it began.

SQLAlchemy takes some 30 µs for a statement, whatever the database has to do for it. A group of
submissions runs five, while others wait for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, cast

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

MARKS: Final[Mapping[str, str]] = {"sqlite": "?", "postgresql": "%s"}
"""How a parameter is written, for each database."""

Rows = list[tuple[Any, ...]]
"""Rows with values as the driver returns them: on SQLite a time is a text, for example."""


def fetch(connection: Connection, text: str, values: Sequence[Any] = ()) -> Rows:
    """Run a statement, and return the rows of its result.

    Args:
        connection: A connection. If it isn't in a transaction, SQLite ends one with the statement.
        text: The SQL of this database, with `MARKS` for parameters.
        values: The values of the parameters, in their order, as the driver takes them.

    Raises:
        DBAPIError: The driver raised an error; it is the one that SQLAlchemy would raise.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(text, values)
        rows = list(cursor.fetchall())
    except connection.dialect.loaded_dbapi.Error as error:
        _fail(connection, cursor, text, error)
    cursor.close()
    return rows


def change(connection: Connection, text: str, values: Sequence[Any] = ()) -> int:
    """Run a statement without a result, and return how many rows it changed: see `fetch`."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(text, values)
    except connection.dialect.loaded_dbapi.Error as error:
        _fail(connection, cursor, text, error)
    changed = int(cursor.rowcount)
    cursor.close()
    return changed


def _fail(connection: Connection, cursor: DBAPICursor, text: str, error: Exception) -> NoReturn:
    """Raise the error that SQLAlchemy would raise for one of the driver."""
    dialect = connection.dialect
    driver_connection = connection.connection.dbapi_connection
    is_lost = dialect.is_disconnect(cast("Any", error), driver_connection, cursor)
    cursor.close()
    if is_lost:
        connection.invalidate(error)
    raise DBAPIError.instance(
        text,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    ) from error
