"""Tables that one JSON object holds, by columns or with their rows inside other objects.

Sources: pandas-dev/pandas, DataFrame.to_json: the orients `columns`, `index`, `split` and `table`;
huggingface/dataset-viewer, its answers to `/rows`.
"""

from itertools import pairwise
from typing import Any, Final

from chatlake_client.records import Json

SPLIT: Final = frozenset({"columns", "data", "index", "ncols", "nrows", "column_types"})
"""Keys of tables that are lists of columns' names and of rows' cells: pandas', and those of W&B."""


def rows_of_table(document: Json) -> list[Json] | None:
    """Return the rows of a table; None where a document is none."""
    columns, data = document.get("columns"), document.get("data")
    if document.keys() <= SPLIT and isinstance(columns, list):
        return _split(columns, data)
    rows = document.get("rows")
    if isinstance(rows, list) and rows and all(_is_numbered(row) for row in rows):
        return [row["row"] for row in rows]
    return _columns(document)


def _is_numbered(row: object) -> bool:
    return isinstance(row, dict) and "row_idx" in row and isinstance(row.get("row"), dict)


def _split(columns: list[Any], data: object) -> list[Json] | None:
    if not isinstance(data, list) or not all(
        isinstance(cells, list) and len(cells) == len(columns) for cells in data
    ):
        return None
    return [dict(zip(map(str, columns), cells, strict=True)) for cells in data]


def _columns(document: Json) -> list[Json] | None:
    """Return the rows of columns that are objects with the same keys: the index of each row."""
    columns: list[Any] = list(document.values())
    if len(columns) < 2 or not all(isinstance(column, dict) and column for column in columns):  # noqa: PLR2004  # a question and an answer
        return None
    if any(one.keys() != other.keys() for one, other in pairwise(columns)):
        return None
    index = list(columns[0])
    if not all(key.isdigit() for key in index):
        return None
    return [
        {name: column[key] for name, column in zip(document, columns, strict=True)} for key in index
    ]
