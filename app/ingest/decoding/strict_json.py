"""Strict JSON: only texts that mean the same to every reader, and within limits.

Python's parser takes what RFC 8259 forbids or leaves open (NaN, duplicate keys, numbers of any
size), and other parsers disagree about what that means. Such a text would be ambiguous in the lake.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from app.ingest.errors import LimitExceeded, MalformedBody

_INTEGER_MINIMUM = -(2**63)
_INTEGER_MAXIMUM = 2**63 - 1
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """How large and how deep a JSON text may be; the names are those of the settings.

    Attributes:
        max_turns: Number of turns of a conversation; `parse` doesn't look at it.
        max_nesting: Number of levels of arrays and objects.
        max_object_keys: Number of keys of one object.
        max_brackets: Number of opening brackets and braces in the text.
    """

    max_turns: int
    max_nesting: int
    max_object_keys: int
    max_brackets: int = 1_000_000


def parse(body: bytes, limits: JsonLimits) -> Any:
    """Return the value of a JSON text.

    Raises:
        MalformedBody: The text is not UTF-8 or not JSON, or a number or a key is ambiguous.
        LimitExceeded: The text has too many brackets, is nested too deep, or an object has too many
            keys.
    """
    if body.startswith(_BOM):
        raise MalformedBody("the body starts with a byte order mark; send UTF-8 without one")
    if not body.strip():
        raise MalformedBody("the body is empty")
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > limits.max_brackets:
        # Each may start an object, which takes many times the memory of its text.
        raise LimitExceeded("max_brackets", limits.max_brackets, "the number of brackets")
    too_deep = LimitExceeded("max_nesting", limits.max_nesting, "the nesting of the body")
    try:
        value = json.loads(
            body.decode(),
            object_pairs_hook=_ObjectBuilder(limits.max_object_keys),
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_small_integer,
        )
    except UnicodeDecodeError as error:
        raise MalformedBody(
            f"the body is not UTF-8: {error.reason} at byte {error.start}"
        ) from error
    except json.JSONDecodeError as error:
        raise MalformedBody(
            f"the body is not JSON: {error.msg}: line {error.lineno} column {error.colno}"
        ) from error
    except RecursionError:
        raise too_deep from None
    # Most bodies have fewer brackets than levels are allowed: their depth needn't be computed.
    if brackets > limits.max_nesting and _depth_exceeds(value, limits.max_nesting):
        raise too_deep
    return value


class _ObjectBuilder:
    """Makes a dict of an object's members; refuses equal names, and more members than allowed."""

    def __init__(self, max_keys: int) -> None:
        self._max_keys = max_keys

    def __call__(self, members: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(members) > self._max_keys:
            raise LimitExceeded(
                "max_object_keys", self._max_keys, "the number of keys of an object"
            )
        result = dict(members)
        if len(result) < len(members):
            names = [name for name, _ in members]
            duplicate = next(name for name in names if names.count(name) > 1)
            raise MalformedBody(f"the key {duplicate[:100]!r} appears twice in one object")
        return result


def _refuse_constant(name: str) -> None:
    raise MalformedBody(f"{name} is not a JSON value")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedBody(f"the number {text[:40]} doesn't fit in 64 bits")
    return value


def _small_integer(text: str) -> int:
    # Longer texts are refused before int() spends quadratic time on them.
    if (
        len(text) > len(str(_INTEGER_MINIMUM))
        or not _INTEGER_MINIMUM <= int(text) <= _INTEGER_MAXIMUM
    ):
        raise MalformedBody(f"the number {text[:40]} doesn't fit in 64 bits")
    return int(text)


def _depth_exceeds(value: Any, maximum: int) -> bool:
    """Tell whether a value is nested deeper than `maximum`; level by level, not recursively."""
    level = [value]
    for _ in range(maximum):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
