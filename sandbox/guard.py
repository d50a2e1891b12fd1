"""Whether a text is what may be run: one SELECT, on the tables that there are.

DuckDB's own parser decides: what it splits the text into, of which type, and with which parts. The
sandbox holds without this; it makes plain what is offered, and keeps what isn't out of reach.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import duckdb

TABLES: Final = frozenset({"contributions", "all_versions", "turns"})
"""The tables that a query may read."""
TABLE_FUNCTIONS: Final = frozenset({"generate_series", "json_each", "json_tree", "range", "unnest"})
"""The functions that may stand in place of a table: those that read nothing but their arguments."""

_QUERY_NODES: Final = frozenset(
    {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
)
"""The parser's words for what reads; a WITH may hold what writes."""
_SCHEMAS: Final = frozenset({"", "main"})


class Refused(Exception):
    """The query may not be run; the message says why."""


def only_select(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.Statement:
    """Return the one SELECT that a text consists of.

    Raises:
        Refused: It is something else, or reads something that isn't offered.
        duckdb.Error: It can't be parsed.
    """
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise Refused(f"one SELECT is expected, not {len(statements)} statements")
    (statement,) = statements
    if statement.type is not duckdb.StatementType.SELECT:
        raise Refused(f"one SELECT is expected, not {statement.type.name}")
    _check_parts(_parse_tree(connection, query))
    return statement


def _parse_tree(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    ((text,),) = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [query]).fetchall()
    try:
        tree: dict[str, Any] = json.loads(text)
    except RecursionError:
        raise Refused("the query is nested too deep") from None
    if tree["error"]:
        raise Refused(str(tree.get("error_message", "the query can't be understood")))
    return tree


def _check_parts(tree: dict[str, Any]) -> None:
    parts = list(_parts(tree))
    own_names = {
        entry["key"].lower() for part in parts for entry in part.get("cte_map", {}).get("map", ())
    }
    for part in parts:
        kind = part.get("type")
        if kind == "TABLE_FUNCTION":
            _check_function(str(part["function"].get("function_name")).lower())
        elif kind == "BASE_TABLE":
            _check_table(part, own_names)
        elif kind == "SHOW_REF":
            raise Refused("DESCRIBE, SHOW and SUMMARIZE are not offered")
        elif isinstance(kind, str) and kind.endswith("_NODE") and kind not in _QUERY_NODES:
            raise Refused("a query only reads")


def _check_function(name: str) -> None:
    if name not in TABLE_FUNCTIONS:
        raise Refused(f"the table function {name} is not offered")


def _check_table(part: dict[str, Any], own_names: set[str]) -> None:
    name = part["table_name"].lower()
    offered = part["schema_name"].lower() in _SCHEMAS and not part["catalog_name"]
    if not offered or name not in TABLES | own_names:
        tables = ", ".join(sorted(TABLES))
        raise Refused(f"there is no table {part['table_name']}; there are {tables}")


def _parts(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every object of a parse tree; without recursion, since queries may nest deep."""
    waiting: list[Any] = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
