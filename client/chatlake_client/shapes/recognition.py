"""Finds the shape that an object of a file has, and tells rows from what holds them."""

from functools import lru_cache
from typing import Final

from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes import listed, messages, scattered, vocabulary
from chatlake_client.shapes.fields import kind_name
from chatlake_client.shapes.meaning import holds_answer
from chatlake_client.shapes.registry import LISTED, MESSAGES, SCATTERED, SHAPES
from chatlake_client.shapes.shape import Shape, ThreadShape

_KEYS_OF_SHAPES: Final = frozenset(key for shape in SHAPES for key in shape.keys)

MAX_REMEMBERED_KEYS: Final = 32
MAX_DEPTH_OF_ROW: Final = 3
"""How many objects may lie around a row."""
MAX_NAMED_KEYS: Final = 20


def shape_of(row: object) -> tuple[Shape | ThreadShape, Json]:
    """Return the shape of a row, and the row as an object: a list is one of messages.

    Raises:
        RowError: The row has no known shape.
    """
    if isinstance(row, list):
        row = {"contents" if any(map(_is_content, row)) else "messages": row}
    if not isinstance(row, dict):
        raise RowError(f"a row must be an object, not {kind_name(row)}")
    if found := _shape_of(row):
        return found, row
    for other in (row_within(row), _uncapitalised(row)):
        if other and (found := _shape_of(other)):
            return found, other
    keys = sorted(row)
    more = ", …" if len(keys) > MAX_NAMED_KEYS else ""
    seen = ", ".join(keys[:MAX_NAMED_KEYS]) + more
    known = ", ".join(shape.name for shape in SHAPES)
    raise RowError(f"unknown format with keys: {seen or 'none'}; known formats: {known}")


def _shape_of(row: Json) -> Shape | ThreadShape | None:
    return _recognised(row) or (SCATTERED if vocabulary.speaks(row) else None)


def _uncapitalised(row: Json) -> Json | None:
    """Return a row of a spreadsheet whose columns begin with capitals, in small letters."""
    if not all(key[:1].isupper() for key in row):
        return None
    return {key.lower().replace(" ", "_"): value for key, value in row.items()}


def is_known(row: Json) -> bool:
    """Tell whether a row has a known shape, also in other letters."""
    return _shape_of(row) is not None or _shape_of(_uncapitalised(row) or {}) is not None


def row_within(row: Json) -> Json | None:
    """Return the only row that lies in an object of another, with the other's keys beside its own.

    None where there is no such row, or several.
    """
    held = row
    for _ in range(MAX_DEPTH_OF_ROW):
        merged = _merged(held)
        if merged is None or _shape_of(merged):
            return merged
        held = merged
    return None


def _merged(row: Json) -> Json | None:
    """Return a row with its only object that is a row, or holds one, in the object's place."""
    objects = {key: value for key, value in row.items() if isinstance(value, dict)}
    rows = [key for key, value in objects.items() if _shape_of(value)]
    holders = rows or [
        key for key, value in objects.items() if any(map(_is_shaped, value.values()))
    ]
    if len(holders) != 1:
        return None
    (key,) = holders
    beside = {name: value for name, value in row.items() if name != key}
    # What was expected of a model isn't its answer, if that stands elsewhere.
    return None if holds_answer(beside) else {**beside, **objects[key]}


def _is_shaped(value: object) -> bool:
    return isinstance(value, dict) and _shape_of(value) is not None


def _recognised(row: Json) -> Shape | ThreadShape | None:
    few = tuple(row) if len(row) <= MAX_REMEMBERED_KEYS else tuple(_KEYS_OF_SHAPES & row.keys())
    for shape in _candidates(few):
        if shape.recognises(row):
            return shape
    return LISTED if listed.is_listed(row) else None


@lru_cache(maxsize=256)
def _candidates(keys: tuple[str, ...]) -> list[Shape | ThreadShape]:
    """Return the shapes that an object with some keys may have.

    It is remembered, since the rows of a file have mostly the same keys.
    """
    return [shape for shape in SHAPES if not shape.keys.isdisjoint(keys)]


def is_row(value: object) -> bool:
    """Tell whether a value is a row rather than something that holds rows.

    A key alone doesn't tell: a file may keep its rows under ``conversations``.
    """
    if not isinstance(value, dict):
        return False
    shape = _recognised(value)
    if shape is not MESSAGES:
        return shape is not None
    key = next(key for key in messages.TURN_LISTS if value.get(key) is not None)
    return not (
        key != messages.ONE and isinstance(value[key], list) and any(map(_is_whole, value[key]))
    )


def _is_whole(value: object) -> bool:
    """Tell whether a value is a row that needs no other row."""
    return is_row(value) and isinstance(value, dict) and not scattered.is_scattered(value)


def _is_content(value: object) -> bool:
    """Tell whether a value is a turn in Gemini's words, whose parts state no type."""
    if not isinstance(value, dict) or vocabulary.is_model_message(value):
        return False
    return "parts" in value and not vocabulary.is_typed(value["parts"])
