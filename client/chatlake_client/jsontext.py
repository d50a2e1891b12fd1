"""Reads JSON as other tools write it, and writes JSON for the service."""

import json

MAX_NESTING = 800


def parse(text: str | bytes) -> object:
    """Return the value of one JSON text.

    NaN and Infinity, which Python's own writers use for a missing number, become null.

    Args:
        text: A string, or bytes in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        ValueError: The text isn't JSON, or the bytes aren't text.
    """
    try:
        value: object = json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def parse_row(text: str) -> object:
    """Return the value of a JSON text that holds one row or a part of it.

    Raises:
        ValueError: The text isn't JSON, or nests deeper than `MAX_NESTING`.
    """
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
    try:
        return json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=str).encode()


def indented(value: object) -> str:
    """Return a value as JSON that a person can read."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def canonical(value: object) -> bytes:
    """Return JSON that is the same for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
