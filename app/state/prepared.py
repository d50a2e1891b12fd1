"""Statements that are made once, for those that run many times a second.

SQLAlchemy takes longer to build a small statement, to find its compiled form and to convert its
parameters than the database takes to run it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from sqlalchemy import Connection, Dialect, Insert, Select, Update
from sqlalchemy.engine.default import DefaultDialect

from app.state import driver

Statement = Select[*tuple[Any, ...]] | Insert | Update
_PARAMETER_STYLES: Final[Mapping[str, Literal["qmark", "format"]]] = {
    "sqlite": "qmark",
    "postgresql": "format",
}
"""How a parameter is written that is given by its position, for each database."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement in the SQL of one database.

    Attributes:
        text: The SQL.
        names: Names of the parameters, in the order of the text.
        constants: Values of the parameters that the statement has itself, by their names.
        converters: What converts a value for the driver, by the name of its parameter.
    """

    text: str
    names: Sequence[str]
    constants: Mapping[str, Any]
    converters: Mapping[str, Callable[[Any], Any]]

    def values(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of all parameters, in the order of the text."""
        named = {**self.constants, **parameters}
        for name, convert in self.converters.items():
            named[name] = convert(named[name])
        return tuple([named[name] for name in self.names])


class Prepared:
    """A statement that is compiled once for each database, and given to the driver as text.

    Values of a result are as the driver returns them: on SQLite a time is a text, for example.
    """

    def __init__(self, statement: Statement, columns: Sequence[str] | None = None) -> None:
        """Prepare a statement; it is compiled when it first runs.

        Args:
            statement: The statement. A parameter can't be a list, since its text would depend on
                the length.
            columns: Of an INSERT: the columns that get values; None for all.
        """
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def fetch(
        self, connection: Connection, parameters: Mapping[str, Any] | None = None
    ) -> driver.Rows:
        """Run the statement with the values of its parameters, by their names; return its rows."""
        compiled = self._compiled_for(connection.dialect)
        return driver.fetch(connection, compiled.text, compiled.values(parameters or {}))

    def change(self, connection: Connection, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement without a result, as `fetch` does; return how many rows it changed."""
        compiled = self._compiled_for(connection.dialect)
        return driver.change(connection, compiled.text, compiled.values(parameters or {}))

    def _compiled_for(self, dialect: Dialect) -> _Compiled:
        # Threads that compile it at once make the same.
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = _compile(self._statement, self._columns, dialect)
        return self._compiled[dialect.name]


def _compile(statement: Statement, columns: Sequence[str] | None, dialect: Dialect) -> _Compiled:
    kind = cast("type[DefaultDialect]", type(dialect))
    positional = kind(paramstyle=_PARAMETER_STYLES[dialect.name])
    compiled = statement.compile(dialect=positional, column_keys=columns)
    converters = {
        name: bound.type.dialect_impl(positional).bind_processor(positional)
        for name, bound in compiled.binds.items()
    }
    return _Compiled(
        compiled.string,
        compiled.positiontup or (),
        {name: bound.value for name, bound in compiled.binds.items() if not bound.required},
        {name: convert for name, convert in converters.items() if convert is not None},
    )
