"""The result of a query as a page shows it: a table with cut cells, and a chart where one fits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pyarrow as pa

from app.query.sql.queries import SqlResult
from app.site.rendering.cells import Cell, Column, cell_of, conversation_url, is_number
from catalog.columns.rows import every_column

MAX_ROWS: Final = 1000
"""Rows that a page shows at most."""
MAX_TEXT_CHARACTERS: Final = 256 * 1024
"""Length of all cells together at which a page shows no further rows."""
_MAX_BARS: Final = 40
_CHARTED_COLUMNS: Final = 4
"""Columns of a result that has a chart, at most: lines beyond that can't be told apart."""
_ROWS_AT_ONCE: Final = 50
_CONTRIBUTION_ID: Final = "contribution_id"

ChartKind = Literal["time", "number", "bars"]


@dataclass(frozen=True, slots=True)
class ResultTable:
    """The first rows of a result.

    Attributes:
        columns: The columns.
        rows: The cells of each row.
        row_count: Number of rows of the result.
        truncated_by: The setting by which rows were left out of the result; None when none were.
        chart: How the rows are drawn as well; None when no chart fits them.
        values: The values of each row, in the order that the chart needs; empty without a chart.
    """

    columns: list[Column]
    rows: list[list[Cell]]
    row_count: int
    truncated_by: str | None
    chart: ChartKind | None
    values: list[list[Any]]


def tabulate(result: SqlResult) -> ResultTable:
    """Return the first rows of a result, and their chart."""
    columns = [
        Column(field.name, _name_of(field.type), _is_numeric(field.type)) for field in result.schema
    ]
    rows: list[list[Cell]] = []
    values: list[list[Any]] = []
    characters = 0
    for row in _rows(result):
        if len(rows) == MAX_ROWS or characters > MAX_TEXT_CHARACTERS:
            break
        cells = [
            cell_of(value, conversation_url(value) if column.name == _CONTRIBUTION_ID else None)
            for column, value in zip(columns, row, strict=True)
        ]
        characters += sum(len(cell.text) for cell in cells)
        rows.append(cells)
        values.append(row)
    chart = _chart_of(result.schema, columns, values) if len(rows) == result.row_count else None
    return ResultTable(
        columns,
        rows,
        result.row_count,
        result.truncated_by,
        chart,
        _charted(values, chart) if chart else [],
    )


def _rows(result: SqlResult) -> Iterator[list[Any]]:
    names = [str(place) for place in range(len(result.schema))]
    for batch in result.batches:
        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
            # Several columns may have one name.
            part = batch.slice(start, _ROWS_AT_ONCE).rename_columns(names)
            for row in every_column(part):
                yield [row[name] for name in names]


def _chart_of(
    schema: pa.Schema, columns: Sequence[Column], values: Sequence[Sequence[Any]]
) -> ChartKind | None:
    """Return the chart that fits a result: over time, over a number, or bars."""
    first, others = schema.field(0).type if len(schema) else pa.null(), columns[1:]
    if len(values) < 2 or not others or not all(column.is_number for column in others):  # noqa: PLR2004
        return None
    if len(others) >= _CHARTED_COLUMNS:
        return None
    if pa.types.is_date(first) or pa.types.is_timestamp(first):
        return "time"
    if columns[0].is_number:
        return "number"
    has_bars = len(others) == 1 and len(values) <= _MAX_BARS
    return "bars" if has_bars and all(is_number(row[1]) and row[1] >= 0 for row in values) else None


def _charted(values: list[list[Any]], chart: ChartKind) -> list[list[Any]]:
    """Return the rows that a chart can draw, in its order."""
    if chart == "bars":
        return [["null" if row[0] is None else str(row[0]), row[1]] for row in values]
    drawn = [
        row for row in values if row[0] is not None and all(is_number(each) for each in row[1:])
    ]
    if chart == "number":
        drawn = [row for row in drawn if is_number(row[0])]
    drawn.sort(key=lambda row: row[0])
    if chart == "time":
        return [[row[0].isoformat(), *row[1:]] for row in drawn]
    return drawn


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _name_of(kind: pa.DataType) -> str:
    """Return a name of a type that is short enough for the head of a column."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "list"
    if pa.types.is_struct(kind):
        return "struct"
    return str(kind)
