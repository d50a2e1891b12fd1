"""International bank account numbers, checked by country, length, structure and check digits.

Source: ISO 13616 and the registry of SWIFT, in python-stdnum. The
check digits that some countries have inside the number aren't checked: a number in which they are
wrong still names an account to a reader.
"""

import re
from collections.abc import Iterator
from typing import Final

from stdnum import iban

from app.curation.rules.cleaning.masks.mask import FOUR_DIGITS, Form, Mask, Span

_CANDIDATE: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}[ -]?[0-9]{2}(?:[ \u00a0.-]?[A-Z0-9]){11,30}", re.IGNORECASE
)
_SEPARATORS: Final = re.compile(r"[ \u00a0.-]")
_ALPHANUMERIC: Final = re.compile(r"[A-Za-z0-9]")
_MIN_LENGTH: Final = 15
"""Characters of the shortest IBAN, Norway's."""
_MIN_DIGITS: Final = 8
"""Digits of an IBAN at least. Most candidates are words around a year."""


def _find(text: str) -> Iterator[Span]:
    rest = 0
    while match := _CANDIDATE.search(text, rest):
        has_digits = sum(map(str.isdigit, match[0])) >= _MIN_DIGITS
        end = _end(match) if has_digits else None
        rest = end or match.start() + 1
        if end is not None:
            yield match.start(), end


def _end(match: re.Match[str]) -> int | None:
    """Return where the number at the beginning of a candidate ends; None if there is no number.

    A candidate may hold the next word too.
    """
    text = match.string
    for end in range(match.end(), match.start() + _MIN_LENGTH - 1, -1):
        if _ALPHANUMERIC.match(text, end) or not _ALPHANUMERIC.match(text, end - 1):
            continue
        number = _SEPARATORS.sub("", text[match.start() : end])
        if iban.is_valid(number, check_country=False):
            return end
    return None


_HINT: Final = r"(?i)\b[A-Z]{2}[ -]?[0-9]{2}(?:[ \x{a0}.-]?[A-Z0-9]){11}"

MASK: Final = Mask("iban", [Form((*FOUR_DIGITS, _HINT), _find)])
