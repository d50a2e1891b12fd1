"""Which days the rows that a query needs were received on, by its conditions.

DuckDB leaves out row groups by the bounds of `received_at`, and opens every file for that. Of a
condition such as `received_at::DATE = '2026-03-01'` it knows no bounds, so it reads everything.
Here, the WHERE of each SELECT from a table is turned into a condition on a day, and DuckDB tells
which days meet it. What isn't understood leaves out no day.

Conditions are parts of the parse tree that DuckDB gives as JSON. Only functions and operators that
are named here are evaluated.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from json import dumps
from typing import Any, Final

import duckdb
import pyarrow as pa

from sandbox.guard import TABLES, Select, parse_tree

Expression = dict[str, Any]
"""An expression in a parse tree."""

_RECEIVED_AT: Final = "received_at"
_FIRST: Final = "first_instant"
_LAST: Final = "last_instant"
_CREATE_DAYS: Final = """
    CREATE TABLE days_of_files AS
    SELECT day, day::TIMESTAMPTZ AS first_instant,
        (day + 1)::TIMESTAMPTZ - INTERVAL 1 MICROSECOND AS last_instant
    FROM days
"""
_SELECT_DAYS: Final = "SELECT day FROM days_of_files WHERE true"

_AND: Final = "CONJUNCTION_AND"
_OR: Final = "CONJUNCTION_OR"
_AT_MOST: Final = "COMPARE_LESSTHANOREQUALTO"
_AT_LEAST: Final = "COMPARE_GREATERTHANOREQUALTO"
_MIRRORED: Final = {
    "COMPARE_EQUAL": "COMPARE_EQUAL",
    "COMPARE_LESSTHAN": "COMPARE_GREATERTHAN",
    "COMPARE_GREATERTHAN": "COMPARE_LESSTHAN",
    _AT_MOST: _AT_LEAST,
    _AT_LEAST: _AT_MOST,
}
"""The comparisons with which `received_at` may be bounded, with its sides exchanged."""
_UPPER_BOUNDS: Final = frozenset({"COMPARE_LESSTHAN", _AT_MOST})
_UNITS: Final = frozenset({"day", "week", "month", "quarter", "year"})
"""Units of time that no day is divided by."""
_FUNCTIONS_OF_UNITS: Final = frozenset({"date_trunc", "date_part"})
_FUNCTIONS_OF_INTERVALS: Final = frozenset(
    {"+", "-", "to_days", "to_weeks", "to_months", "to_years", "trunc"}
)
_OPERATORS: Final = frozenset({"COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT"})
_OPERANDS: Final = {
    "CONSTANT": (),
    "CAST": ("child",),
    "COMPARISON": ("left", "right"),
    "BETWEEN": ("input", "lower", "upper"),
    "CONJUNCTION": ("children",),
    "OPERATOR": ("children",),
}
"""Where an expression of a class has the expressions that it consists of."""


def days_read(
    connection: duckdb.DuckDBPyConnection, select: Select, days: Collection[date]
) -> frozenset[date]:
    """Return those of some days of which a query may need rows.

    Args:
        connection: A database whose time zone is UTC. A table of the days is added to it.
        select: The query.
        days: The days, in UTC.
    """
    every = frozenset(days)
    try:
        condition = _condition(select)
        return every if condition is None else _meeting(connection, condition, every)
    except (duckdb.Error, RecursionError):
        # If something is wrong with the condition, running the query tells what.
        return every


def _condition(select: Select) -> Expression | None:
    """Return a condition that the day of each row meets which a query needs; None for none."""
    tables = [part for part in select.parts if _is_table(part)]
    sources = [
        part
        for part in select.parts
        if part.get("type") == "SELECT_NODE" and _is_table(part["from_table"])
    ]
    conditions = [_of_source(node) for node in sources]
    # In a query whose WITH defines the name of a table, the name may mean either.
    if len(sources) < len(tables) or select.own_names & TABLES:
        return None
    return _any_of(conditions)


def _is_table(part: Expression) -> bool:
    return part.get("type") == "BASE_TABLE" and part["table_name"].lower() in TABLES


def _of_source(node: Expression) -> Expression | None:
    """Return the condition on days of a SELECT from one of the tables; None for none."""
    table, where = node["from_table"], node["where_clause"]
    # A sample is taken of all days, and columns may have been given other names.
    if where is None or table["sample"] or node["sample"] or table["column_name_alias"]:
        return None
    return _Conditions((table["alias"] or table["table_name"]).lower()).of_days(where)


class _Conditions:
    """Turns conditions on the rows of a table into conditions on their days."""

    def __init__(self, table: str) -> None:
        """Turn conditions.

        Args:
            table: The name by which the conditions call the table, in lower case.
        """
        self._table = table

    def of_days(self, condition: Expression) -> Expression | None:
        """Return a condition that the day of each row meets which meets a condition.

        Returns:
            The condition, on the columns of the table of days; None if every day may meet it.
        """
        kind = condition["type"]
        if kind == _AND:
            return _all_of([self.of_days(child) for child in condition["children"]])
        if kind == _OR:
            return _any_of([self.of_days(child) for child in condition["children"]])
        if kind == "COMPARE_BETWEEN" and self._is_received_at(condition["input"]):
            lower = self._bounded(_AT_LEAST, condition["lower"])
            return _all_of([lower, self._bounded(_AT_MOST, condition["upper"])])
        if kind in _MIRRORED:
            if self._is_received_at(condition["left"]):
                return self._bounded(kind, condition["right"])
            if self._is_received_at(condition["right"]):
                return self._bounded(_MIRRORED[kind], condition["left"])
        return self._on_day(condition)

    def _bounded(self, kind: str, bound: Expression) -> Expression | None:
        """Return the condition on days for a comparison of `received_at` with something."""
        if kind == "COMPARE_EQUAL":
            return _all_of([self._bounded(_AT_LEAST, bound), self._bounded(_AT_MOST, bound)])
        right = self._on_day(bound)
        if right is None:
            return None
        left = _column(_FIRST if kind in _UPPER_BOUNDS else _LAST)
        return {"class": "COMPARISON", "type": kind, "left": left, "right": right}

    def _on_day(self, expression: Expression) -> Expression | None:
        """Return an expression with the first instant of a day in the place of `received_at`.

        Returns:
            The expression; None if its value may differ between two rows of one day.
        """
        if self._is_of_day(expression):
            return _with_operands(expression, self._with_first_instant)
        return _with_operands(expression, self._on_day) if _is_pure(expression) else None

    def _is_of_day(self, expression: Expression) -> bool:
        """Tell whether an expression is a function of the day of `received_at`."""
        if expression["class"] == "CAST":
            kind = str(expression["type_expr"].get("type_name")).lower()
            return kind == "date" and self._is_received_at(expression["child"])
        if _function_of(expression) not in _FUNCTIONS_OF_UNITS:
            return False
        unit, *others = (argument["expression"] for argument in expression["arguments"])
        return _text_of(unit).lower() in _UNITS and all(map(self._is_received_at, others))

    def _with_first_instant(self, operand: Expression) -> Expression:
        return _column(_FIRST) if self._is_received_at(operand) else operand

    def _is_received_at(self, expression: Expression) -> bool:
        if expression["class"] != "COLUMN_REF":
            return False
        *table, column = (name.lower() for name in expression["column_names"])
        return column == _RECEIVED_AT and table in ([], [self._table])


def _meeting(
    connection: duckdb.DuckDBPyConnection, condition: Expression, days: frozenset[date]
) -> frozenset[date]:
    """Return the days that meet a condition."""
    connection.register("days", pa.table({"day": pa.array(days, pa.date32())}))
    connection.execute(_CREATE_DAYS)
    connection.unregister("days")
    tree = parse_tree(connection, _SELECT_DAYS)
    tree["statements"][0]["node"]["where_clause"] = condition
    query = "SELECT json_deserialize_sql($1::JSON)"
    ((text,),) = connection.execute(query, [dumps(tree)]).fetchall()
    return frozenset(day for (day,) in connection.execute(text).fetchall())


def _all_of(conditions: Sequence[Expression | None]) -> Expression | None:
    """Return a condition that is met if all are; None is a condition that everything meets."""
    some = [condition for condition in conditions if condition is not None]
    return _joined(_AND, some) if some else None


def _any_of(conditions: Sequence[Expression | None]) -> Expression | None:
    """Return a condition that is met if one of some is; None is met by everything."""
    some = [condition for condition in conditions if condition is not None]
    return _joined(_OR, some) if some and len(some) == len(conditions) else None


def _joined(kind: str, conditions: Sequence[Expression]) -> Expression:
    if len(conditions) == 1:
        return conditions[0]
    return {"class": "CONJUNCTION", "type": kind, "children": conditions}


def _column(name: str) -> Expression:
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [name]}


def _is_pure(expression: Expression) -> bool:
    """Tell whether the value of an expression follows from its operands, and is quickly made."""
    kind = expression["class"]
    if kind == "FUNCTION":
        return _function_of(expression) in _FUNCTIONS_OF_INTERVALS
    if kind == "OPERATOR":
        return expression["type"] in _OPERATORS
    return kind in _OPERANDS


def _function_of(expression: Expression) -> str:
    return str(expression.get("function_name", "")).lower()


def _text_of(expression: Expression) -> str:
    """Return the text that an expression is; an empty one if it is something else."""
    return str(expression.get("literal", {}).get("text", ""))


def _with_operands(
    expression: Expression, change: Callable[[Expression], Expression | None]
) -> Expression | None:
    """Return an expression with changed operands; None if one of them became None."""
    if expression["class"] == "FUNCTION":
        changed = [change(argument["expression"]) for argument in expression["arguments"]]
        arguments = [
            {**argument, "expression": operand}
            for argument, operand in zip(expression["arguments"], changed, strict=True)
        ]
        return None if None in changed else {**expression, "arguments": arguments}
    operands: dict[str, Any] = {}
    for name in _OPERANDS[expression["class"]]:
        operand = expression[name]
        is_list = isinstance(operand, list)
        operands[name] = [change(each) for each in operand] if is_list else change(operand)
        if operands[name] is None or (is_list and None in operands[name]):
            return None
    return {**expression, **operands}
