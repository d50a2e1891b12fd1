"""What a contributor changed in an answer, word by word."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal

_WORDS: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\ud7af]+|\s+|.")
"""Words, runs of spaces and single signs. Scripts without spaces are compared by letters."""
_MOST_WORDS: Final = 4_000
"""Words of two texts up to which they are compared: it takes the product of their numbers."""


@dataclass(frozen=True, slots=True)
class Change:
    """A part of two texts.

    Attributes:
        kind: Whether both have it, only the earlier one or only the later one.
        text: The part.
    """

    kind: Literal["same", "removed", "added"]
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a text became another.

    Attributes:
        changes: The parts of both, in order.
        words: The number of words that were compared.
    """

    changes: Sequence[Change]
    words: int


def compare(before: str, after: str, most_words: int = _MOST_WORDS) -> Comparison | None:
    """Return how a text became another; None if they are too long to be compared.

    Args:
        before: The text as it was.
        after: The text as it became.
        most_words: Words of both up to which they are compared, if that is less than usual.
    """
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    words = len(old) + len(new)
    if words > min(most_words, _MOST_WORDS):
        return None
    return Comparison(list(_changes(old, new)), words)


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield Change("same", "".join(old[i1:i2]))
            continue
        if i1 < i2:
            yield Change("removed", "".join(old[i1:i2]))
        if j1 < j2:
            yield Change("added", "".join(new[j1:j2]))
