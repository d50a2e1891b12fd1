"""A mask: it finds one kind of personal data or secrets in texts, and replaces it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from unicodedata import combining

from catalog.stages import MASK_KINDS

Span = tuple[int, int]
"""A place in a text: the index of its first character, and of the one after its last."""
LETTER: Final = "A-Za-zÀ-ÖØ-öø-ɏͰ-ϿЀ-ӿ"
"""Letters of scripts that put spaces between words, for a character class of a regular expression.
In other scripts a word can begin and end anywhere."""

PLACEHOLDERS: Final = {kind: f"<{kind.upper()}>" for kind in MASK_KINDS}
"""What replaces each kind. No mask finds anything in a placeholder."""
ANY_PLACEHOLDER: Final = "|".join(PLACEHOLDERS.values())
"""A regular expression that matches every placeholder."""


@dataclass(frozen=True, slots=True)
class Mask:
    """The mask of one kind of personal data or secrets.

    Attributes:
        name: Name of the kind, one of the stage's `MASK_KINDS`.
        prefilters: Groups of regular expressions of RE2. In every text that has one of the kind,
            all expressions of one group at least are found. The fastest of a group is first, and a
            very long one is slower than two groups.
        find: Yields the places of all of the kind in a text, from left to right and without
            overlaps.
    """

    name: str
    prefilters: tuple[tuple[str, ...], ...]
    find: Callable[[str], Iterator[Span]]

    def apply(self, text: str) -> tuple[str, int]:
        """Return the text with all findings replaced, and the number of replacements."""
        return with_placeholders(text, self.find(text), self.name)


def with_placeholders(text: str, spans: Iterable[Span], kind: str) -> tuple[str, int]:
    """Return a text with placeholders in some places, and their number.

    Args:
        text: The text.
        spans: The places, from left to right and without overlaps.
        kind: The kind of what is there.
    """
    parts: list[str] = []
    rest = 0
    for begin, end in spans:
        parts += (text[rest:begin], PLACEHOLDERS[kind])
        rest = end
        # A combining mark on the last character would move to the placeholder.
        while rest < len(text) and combining(text[rest]):
            rest += 1
    return "".join(parts) + text[rest:], len(parts) // 2


def without_overlaps(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield places from left to right, without those that begin within an earlier one."""
    end = 0
    for span in sorted(spans):
        if span[0] >= end:
            yield span
            end = span[1]
