"""A mask: it finds one kind of personal data or secrets in texts, and replaces it.

Python searches only texts that have the hints of a form, which RE2 finds many times faster.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final
from unicodedata import combining

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.curation.rules.cleaning.columns import (
    AnyByte,
    Indices,
    covered,
    matching,
    replaced,
)
from catalog.stages.tables import MASK_KINDS

Span = tuple[int, int]
"""A place in a text: the index of its first character, and of the one after its last."""
LETTER: Final = "A-Za-zÀ-ÖØ-öø-ɏͰ-ϿЀ-ӿ"
"""Letters of scripts that put spaces between words, for a character class of a regular expression.
In other scripts a word can begin and end anywhere."""

PLACEHOLDERS: Final = {kind: f"<{kind.upper()}>" for kind in MASK_KINDS}
"""What replaces each kind. No mask finds anything in a placeholder."""
ANY_PLACEHOLDER: Final = "|".join(PLACEHOLDERS.values())
"""A regular expression that matches every placeholder."""
Hints = tuple[str | AnyByte, ...]
"""What `matching` looks for, all of which has to be found."""
DIGIT: Final = AnyByte(b"0123456789\xd9\xdb\xdf\xe0\xe1\xea\xef\xf0")
"""The first hint of all that has a digit, whatever its script."""
FOUR_DIGITS: Final = (DIGIT, r"[0-9](?:[^0-9\n]{0,3}[0-9]){3}|[^\P{Nd}0-9]")
"""The first hints of most numbers: four digits near each other, or digits other than 0 to 9."""

TextsByHints = dict[Hints, Indices]
"""Indices of the texts that have all of some hints."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form in which a kind of personal data or secrets is written.

    Attributes:
        hints: What is all found in every text with the form. The fastest is first, the last is a
            regular expression, and together they are found in few other texts.
        find: Yields the places of all in this form in a text.
    """

    hints: Hints
    find: Callable[[str], Iterable[Span]]

    def find_in(self, texts: pa.Array) -> Iterator[Iterable[Span]]:
        """Yield the places of all in this form in each text."""
        return map(self.find, texts.to_pylist())


@dataclass(frozen=True, slots=True)
class AnchoredForm:
    """A form that can begin at few places, which RE2 finds.

    Where it begins with one of a hundred words, Python would try them one after the other at each
    character.

    Attributes:
        hints: As those of a `Form`.
        begins: A regular expression of RE2. Everything in this form begins at a character that is
            in one of its matches.
        find: Yields the places of all in this form in a text, given the indices at which one may
            begin, ascending.
        spelled: Returns a text as `begins` is searched in it, with as many characters.
    """

    hints: Hints
    begins: str
    find: Callable[[str, Sequence[int]], Iterable[Span]]
    spelled: Callable[[str], str] = str

    def find_in(self, texts: pa.Array) -> Iterator[Iterable[Span]]:
        """Yield the places of all in this form in each text."""
        written = texts.to_pylist()
        spelled = pa.array(map(self.spelled, written), texts.type)
        return map(self.find, written, covered(spelled, self.begins))


@dataclass(frozen=True, slots=True)
class Mask:
    """The mask of one kind of personal data or secrets.

    Attributes:
        name: Name of the kind, one of the stage's `MASK_KINDS`.
        forms: All forms of the kind.
    """

    name: str
    forms: Sequence[Form | AnchoredForm]

    def find(self, text: str) -> Iterator[Span]:
        """Yield the places of all of the kind in a text, from left to right, without overlaps."""
        texts = pa.array([text], pa.large_string())
        return without_overlaps(chain(*(chain(*form.find_in(texts)) for form in self.forms)))

    def apply(
        self, texts: pa.Array, having: TextsByHints
    ) -> tuple[pa.Array, npt.NDArray[np.int32]]:
        """Return the texts with all findings replaced, and the number of replacements in each.

        Args:
            texts: The texts.
            having: The texts that have the first hints of forms, as earlier masks found them. Those
                that aren't in it are searched and added.
        """
        found: defaultdict[int, list[Span]] = defaultdict(list)
        for form, indices in self._worth_searching(texts, having):
            of_texts = form.find_in(texts.take(pa.array(indices)))
            for index, spans in zip(indices.tolist(), of_texts, strict=True):
                found[index] += spans
        changed = np.array(sorted(index for index, spans in found.items() if spans), np.int64)
        masked = [
            with_placeholders(text, without_overlaps(found[index]), self.name)
            for index, text in zip(
                changed.tolist(), texts.take(pa.array(changed)).to_pylist(), strict=True
            )
        ]
        counts = np.zeros(len(texts), np.int32)
        counts[changed] = [count for _, count in masked]
        return replaced(texts, changed, [text for text, _ in masked]), counts

    def _worth_searching(
        self, texts: pa.Array, having: TextsByHints
    ) -> Iterator[tuple[Form | AnchoredForm, Indices]]:
        """Yield each form with the indices of the texts that have all its hints.

        Forms whose hints differ in the last one alone share a search.
        """
        groups: dict[Hints, list[Form | AnchoredForm]] = {}
        for form in self.forms:
            groups.setdefault(form.hints[:-1], []).append(form)
        for hints, forms in groups.items():
            indices = _found(texts, hints, having)
            any_last = "|".join(str(form.hints[-1]) for form in forms)
            indices = indices[matching(_taken(texts, indices), any_last)]
            for form in forms:
                some = texts.take(pa.array(indices))
                yield form, indices[matching(some, form.hints[-1])] if len(forms) > 1 else indices


def _found(texts: pa.Array, hints: Hints, having: TextsByHints) -> Indices:
    """Return the indices of the texts that have all of some hints, and add them to `having`."""
    if not hints:
        return np.arange(len(texts))
    if hints not in having:
        indices = _found(texts, hints[:-1], having)
        having[hints] = indices[matching(_taken(texts, indices), hints[-1])]
    return having[hints]


def _taken(texts: pa.Array, indices: Indices) -> pa.Array:
    return texts if len(indices) == len(texts) else texts.take(pa.array(indices))


def matches_at(
    pattern: re.Pattern[str], text: str, begins: Iterable[int]
) -> Iterator[re.Match[str]]:
    """Yield the matches that begin at some indices, from left to right and without overlaps.

    Args:
        pattern: A regular expression.
        text: The text that it is searched in.
        begins: All indices at which a match can begin, ascending.
    """
    end = 0
    for begin in begins:
        if begin >= end and (match := pattern.match(text, begin)):
            yield match
            end = match.end()


def lower_case(text: str) -> str:
    """Return a text in lower case, with as many characters.

    Python searches it several times as fast as it searches the text itself without regard to case.
    """
    # No other letter becomes two.
    return text.replace("İ", "i").lower()


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
