"""What a kind of personal data or secrets is to the code that masks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from unicodedata import combining

Span = tuple[int, int]
"""Where something begins in a text, and where it ends, in characters."""
LETTER: Final = "A-Za-zÀ-ÖØ-öø-ɏͰ-ϿЀ-ӿ"
"""Letters of scripts that put spaces between words, for a class of a regular expression. In others
a word begins and ends anywhere."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of personal data or secrets.

    Attributes:
        name: One of the stage's `MASK_KINDS`.
        prefilter: A regular expression of RE2 that is found in every text with one of the kind.
        find: Yields the places of all of the kind in a text, from left to right, none overlapping.
    """

    name: str
    prefilter: str
    find: Callable[[str], Iterator[Span]]

    @property
    def placeholder(self) -> str:
        """What stands in the place of one of the kind. No kind is found in a placeholder."""
        return f"<{self.name.upper()}>"

    def mask(self, text: str) -> tuple[str, int]:
        """Return the text with all of the kind replaced, and how many there were."""
        parts: list[str] = []
        rest = 0
        for begin, end in self.find(text):
            parts += (text[rest:begin], self.placeholder)
            rest = end
            # A mark that was set on the last character would be set on the placeholder's.
            while rest < len(text) and combining(text[rest]):
                rest += 1
        return "".join(parts) + text[rest:], len(parts) // 2
