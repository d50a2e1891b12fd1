"""Values of rows as the cells of a table: short texts, of which a page can show many."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Final

import msgspec

from app.api.formats import encode_json

MAX_CHARACTERS: Final = 240
"""Length at which the text of a cell is cut."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What it shows.
        kind: How it is set: `text`, `number` or `null`.
        is_cut: Whether the value is longer.
        address: Where a link on it leads; None without a link.
    """

    text: str
    kind: str = "text"
    is_cut: bool = False
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: Name of the column.
        type: Name of the type of its values; None to show none.
        is_number: Whether its values are numbers.
    """

    name: str
    type: str | None = None
    is_number: bool = False


def cell_of(value: Any, address: str | None = None) -> Cell:
    """Return the cell of a plain value, such as Arrow makes."""
    if value is None:
        return Cell("null", "null")
    if isinstance(value, bool):
        return Cell(str(value).lower())
    if isinstance(value, int | float | Decimal):
        return Cell(_number(value), "number")
    text = _text(value)
    return Cell(text[:MAX_CHARACTERS], "text", len(text) > MAX_CHARACTERS, address)


def conversation_url(contribution_id: Any) -> str:
    """Return the address of the page of a contribution: a table may have thousands of them."""
    return f"/conversations/{contribution_id}"


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    return isinstance(value, int | float | Decimal) and isfinite(value)


def messages_cell(messages: Iterable[Mapping[str, Any]]) -> Cell:
    """Return the cell of a list of messages: who says what, one after the other."""
    return cell_of(" · ".join(f"{each.get('role')}: {each.get('content')}" for each in messages))


def _number(value: float | Decimal) -> str:
    if isinstance(value, float):
        # Adding zero makes a negative zero a plain one.
        return f"{value + 0.0:.6g}" if isfinite(value) else str(value)
    return str(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    # In one line, with a space after each comma.
    return msgspec.json.format(encode_json(_filled(value)), indent=0).decode()


def _filled(value: Any) -> Any:
    """Return a nested value without the parts that are null or empty, of which rows have many."""
    if isinstance(value, Mapping):
        parts = {name: _filled(part) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part not in (None, [], {}, "")}
    return [_filled(part) for part in value] if isinstance(value, list) else value
