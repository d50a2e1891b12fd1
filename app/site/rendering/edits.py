"""What a contributor changed in an answer, word by word."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from typing import Final, Literal

from app.site.rendering.marks import visible

_WORDS: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\ud7af]+|\s+|.")
"""Words, runs of spaces and single signs. Scripts without spaces are compared by letters."""
_MOST_WORDS: Final = 4_000
"""Words of two texts up to which they are compared."""
_MOST_CHARACTERS: Final = 50_000
"""Length of two texts up to which they are cut into words: each word takes memory."""
_PAGE_WORDS: Final = 6_000
"""Words of a page's texts that are compared."""
_PAGE_STEPS: Final = 4_000_000
"""Pairs of equal words that are looked at for a page: some tenths of a second of a processor.

The number grows with the third power of the length where few words are repeated in another order.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A part of two texts.

    Attributes:
        kind: Whether both have it, only the earlier one or only the later one.
        text: The part.
    """

    kind: Literal["same", "removed", "added"]
    text: str


class _TooManyStepsError(Exception):
    """Two texts take more work to compare than there is left."""


@dataclass(slots=True)
class Comparer:
    """Compares the texts of a page, as long as that takes little work.

    Attributes:
        left_words: The number of words that may still be compared.
        left_steps: The number of pairs of equal words that may still be looked at.
    """

    left_words: int = _PAGE_WORDS
    left_steps: int = _PAGE_STEPS

    def compare(self, before: str, after: str) -> Sequence[Change] | None:
        """Return how a text became another; None if comparing them takes too much work.

        Characters that can't be seen are written out in the changes.

        Args:
            before: The text as it was.
            after: The text as it became.
        """
        if len(before) + len(after) > _MOST_CHARACTERS:
            return None
        old, new = _WORDS.findall(visible(before)), _WORDS.findall(visible(after))
        words = len(old) + len(new)
        if words > min(_MOST_WORDS, self.left_words):
            return None
        self.left_words -= words
        matcher = _BoundedMatcher(old, new, self.left_steps)
        try:
            return list(_changes(matcher, old, new))
        except _TooManyStepsError:
            return None
        finally:
            self.left_steps = matcher.left_steps


class _BoundedMatcher(SequenceMatcher[str]):
    """Compares two lists of words, and gives up after a number of steps."""

    def __init__(self, old: Sequence[str], new: Sequence[str], left_steps: int) -> None:
        # Blanks begin no match: nearly every pair of them is equal.
        super().__init__(str.isspace, old, new, autojunk=False)
        self.left_steps = left_steps
        places = Counter(word for word in new if not word.isspace())
        self._steps = [places[word] + 1 for word in old]

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        # It looks at each place where the new text has a word of this part of the old one.
        self.left_steps -= sum(self._steps[alo:ahi])
        if self.left_steps < 0:
            raise _TooManyStepsError
        return super().find_longest_match(alo, ahi, blo, bhi)


def _changes(
    matcher: SequenceMatcher[str], old: Sequence[str], new: Sequence[str]
) -> Iterator[Change]:
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield Change("same", "".join(old[i1:i2]))
            continue
        if i1 < i2:
            yield Change("removed", "".join(old[i1:i2]))
        if j1 < j2:
            yield Change("added", "".join(new[j1:j2]))
