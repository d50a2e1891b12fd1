"""Checking that a text is one SELECT, of the tables and functions that are offered.

The checks are made on the output of DuckDB's own parser: the statements of the text, their types,
and their parse trees. The sandbox is safe without these checks; they give clear errors, and keep a
query from everything in DuckDB that isn't offered.
"""

import json
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from sandbox.functions import FUNCTIONS, TABLE_FUNCTIONS
from sandbox.names import quoted

TABLES: Final = frozenset({"contributions", "all_versions", "turns"})
"""The tables that a query may read."""

_QUERY_NODES: Final = frozenset(
    {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
)
"""The parser's types of nodes that only read; inside a WITH, others may write."""
_CALLED: Final = FUNCTIONS | TABLE_FUNCTIONS
"""Table functions included: their node contains a function of the same name. DuckDB itself refuses
them in other places."""
_SCHEMAS: Final = frozenset({"", "main"})


class Refused(Exception):
    """The query may not be run; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Select:
    """The one SELECT that a text consists of.

    Attributes:
        statement: The statement, to be run.
        parts: Every object of its parse tree.
        own_names: The names that it defines by WITH, in any scope, in lower case.
    """

    statement: duckdb.Statement
    parts: Sequence[dict[str, Any]]
    own_names: frozenset[str]


def parse_select(connection: duckdb.DuckDBPyConnection, query: str) -> Select:
    """Return the one SELECT that a text consists of, which is yet to be checked.

    Raises:
        Refused: The text is something else.
        duckdb.Error: The text can't be parsed.
    """
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise Refused(f"one SELECT is expected, not {len(statements)} statements")
    (statement,) = statements
    if statement.type is not duckdb.StatementType.SELECT:
        raise Refused(f"one SELECT is expected, not {statement.type.name}")
    parts = list(_parts(parse_tree(connection, query)))
    return Select(statement, parts, frozenset(_own_names(parts)))


def check(connection: duckdb.DuckDBPyConnection, select: Select) -> None:
    """Check that a SELECT uses nothing but the tables and functions that are offered.

    Args:
        connection: The database, with all of the tables and views that it will have.
        select: The SELECT.

    Raises:
        Refused: It uses something else.
    """
    _check_free(connection, select.own_names - TABLES)
    _check_parts(select.parts, select.own_names)


def parse_tree(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    """Return the parse tree of a text.

    Raises:
        Refused: The text can't be parsed, or is nested too deep.
    """
    ((text,),) = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [query]).fetchall()
    try:
        tree: dict[str, Any] = json.loads(text)
    except RecursionError:
        raise Refused("the query is nested too deep") from None
    if tree["error"]:
        raise Refused(str(tree.get("error_message", "the query can't be understood")))
    return tree


def _own_names(parts: Sequence[dict[str, Any]]) -> set[str]:
    """Return the names that a query defines by WITH, in any scope."""
    return {
        entry["key"].lower() for part in parts for entry in part.get("cte_map", {}).get("map", ())
    }


def _check_free(connection: duckdb.DuckDBPyConnection, names: AbstractSet[str]) -> None:
    """Check that DuckDB finds nothing by names that a query defines.

    Otherwise a query could define a name in one scope to read DuckDB's view of that name, or a data
    file whose path is the name, in another.
    """
    for name in names:
        try:
            connection.sql(f"FROM {quoted(name)}")
        except duckdb.CatalogException:
            continue
        except duckdb.Error:
            # Such as a path that isn't allowed: it means something to DuckDB.
            pass
        raise Refused(f"the name {name} is taken: WITH has to give another")


def _check_parts(parts: Sequence[dict[str, Any]], own_names: AbstractSet[str]) -> None:
    for part in parts:
        kind = part.get("type")
        if kind == "TABLE_FUNCTION":
            _check_function("table function", part["function"], TABLE_FUNCTIONS)
        elif "function_name" in part:
            _check_function("function", part, _CALLED)
        elif kind == "BASE_TABLE":
            _check_table(part, own_names)
        elif kind == "SHOW_REF":
            raise Refused("DESCRIBE, SHOW and SUMMARIZE are not offered")
        elif isinstance(kind, str) and kind.endswith("_NODE") and kind not in _QUERY_NODES:
            raise Refused("a query only reads")


def _check_function(kind: str, part: dict[str, Any], offered: frozenset[str]) -> None:
    name = str(part.get("function_name"))
    if name.lower() not in offered:
        raise Refused(f"the {kind} {name} is not offered")


def _check_table(part: dict[str, Any], own_names: AbstractSet[str]) -> None:
    name = part["table_name"].lower()
    schema = part["schema_name"].lower()
    is_table = name in TABLES and schema in _SCHEMAS and not part["catalog_name"]
    is_own = name in own_names and not schema and not part["catalog_name"]
    if not (is_table or is_own):
        tables = ", ".join(sorted(TABLES))
        raise Refused(f"there is no table {part['table_name']}; there are {tables}")


def _parts(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every object of a parse tree, without recursion since queries may nest deeply."""
    waiting: list[Any] = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
