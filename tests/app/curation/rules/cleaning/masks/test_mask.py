"""Forms that begin with a word are matched only where the word is."""

import re
import sys
from collections.abc import Sequence

from app.curation.rules.cleaning.columns import first_bytes
from app.curation.rules.cleaning.masks.mask import (
    DIGIT,
    AnchoredForm,
    Mask,
    Span,
    lower_case,
    matches_at,
)

_VALUE = re.compile(r"(?:key|keyring) (?P<value>\w+)")


def _find(text: str, begins: Sequence[int]) -> list[Span]:
    return [match.span("value") for match in matches_at(_VALUE, lower_case(text), begins)]


MASK = Mask("secret", [AnchoredForm(("(?i:key)",), "key|ring", _find, lower_case)])


def test_matches_begin_only_at_the_given_places_and_do_not_overlap() -> None:
    text = "key one key key two"
    found = [match.span() for match in matches_at(_VALUE, text, range(len(text)))]
    assert found == [match.span() for match in _VALUE.finditer(text)] == [(0, 7), (8, 15)]
    assert [match.span() for match in matches_at(_VALUE, text, [12])] == [(12, 19)]


def test_an_anchored_form_is_found_in_any_case_and_in_every_text() -> None:
    assert list(MASK.find("My KEY Alpha and keyring beta")) == [(7, 12), (25, 29)]
    assert list(MASK.find("no keys")) == []


def test_the_hint_of_digits_has_the_first_byte_of_each() -> None:
    digits = "".join(filter(str.isdecimal, map(chr, range(sys.maxunicode + 1))))
    assert set(DIGIT.values) == set(first_bytes(digits).values)
