"""Lists that are too long for one statement: databases bound the number of parameters."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

T = TypeVar("T")

PARAMETERS: Final = 500
"""Number of values of a list that a statement gets."""


def in_parts(values: Iterable[T], size: int = PARAMETERS) -> Iterator[list[T]]:
    """Yield the values in lists of up to `size` values."""
    remaining = iter(values)
    while part := list(islice(remaining, size)):
        yield part
