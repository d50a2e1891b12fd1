"""Reads JSON as other tools write it, and writes JSON for the service."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MAX_NESTING: Final = 4000
"""How deep a row may nest. LibreChat's exports nest two levels deeper with each turn."""
RECURSION_LIMIT: Final = 5000
"""Python's limit while JSON is read or written; a level takes less than 1 KiB of the stack."""
SHALLOW_BRACKETS: Final = 200
"""A text with no more opening brackets can't nest too deeply for Python's own limit."""


class RepeatedKeyError(ValueError):
    """An object has two values under one key, so that nobody can tell which one counts."""


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(members)
    if len(value) < len(members):
        names = [name for name, _ in members]
        repeated = next(name for name in names if names.count(name) > 1)
        raise RepeatedKeyError(f"the key {repeated[:100]!r} appears twice in one object")
    return value


_DECODER: Final = json.JSONDecoder(parse_constant=lambda _: None, object_pairs_hook=_object)


def parse(text: str | bytes) -> object:
    """Return the value of one JSON text.

    NaN and Infinity, which Python's own writers use for a missing number, become null.

    Args:
        text: A string, or bytes in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        ValueError: The text isn't JSON, or the bytes aren't text.
    """
    try:
        with _deep_recursion():
            value: object = json.loads(
                text, parse_constant=lambda _: None, object_pairs_hook=_object
            )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def parse_at(text: str, place: int) -> tuple[object, int]:
    """Return the JSON value that begins at a place in a text, and where it ends.

    Raises:
        json.JSONDecodeError: There is no JSON, or it doesn't end.
        RecursionError: The value nests too deeply.
    """
    with _deep_recursion():
        return _DECODER.raw_decode(text, place)


def parse_row(text: str) -> object:
    """Return the value of a JSON text that holds one row or a part of it.

    Raises:
        ValueError: The text isn't JSON, or nests deeper than `MAX_NESTING`.
    """
    if text.count("[") + text.count("{") <= SHALLOW_BRACKETS:
        shallow: object = _DECODER.decode(text)
        return shallow
    value = parse(text)
    refuse_deep(value)
    return value


def refuse_deep(value: object) -> None:
    """Refuse a value that nests so deep that recursive functions might fail on it.

    Raises:
        ValueError: The value nests deeper than `MAX_NESTING`.
    """
    # Level by level, so that this function itself isn't recursive.
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise ValueError(f"nested deeper than {MAX_NESTING} levels")


def dump(value: object) -> bytes:
    """Return a value as one line of JSON in UTF-8.

    A lone surrogate has no UTF-8 form: a value that holds one is written with escapes, and the
    service judges it. What JSON can't hold, such as a Parquet timestamp, is written as text.
    """
    with _deep_recursion():
        try:
            return json.dumps(value, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            return json.dumps(value, default=str).encode()


def indented(value: object) -> str:
    """Return a value as JSON that a person can read."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def canonical(value: object) -> bytes:
    """Return JSON that is the same for equal values, whatever the order of their keys."""
    with _deep_recursion():
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()


@contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
