"""Telephone numbers, checked against the numbering plans of their countries.

Numbers of nearly every length are valid in some country, so validity alone is not enough. A number
is masked if one of these holds:

- It begins with `+` or `00` and a country's code, and is valid in that country.
- It is divided as in North America, and is valid there or fictitious (area code 555).
- It follows a word for telephone, and is valid in one of `_REGIONS`.

Source: Google's libphonenumber with its metadata, as the package phonenumbers; E.164 and E.123.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher

from app.curation.rules.cleaning.masks.mask import LETTER, Mask, Span, without_overlaps

_REGION_CODES: Final = (
    "US GB DE FR ES IT NL PL BR MX AR CO CL IN PK BD CN JP KR ID VN TH PH TR IR RU UA AU NZ ZA NG "
    "EG KE MA SA AE IL CH AT BE SE NO DK FI PT IE CZ RO HU GR CA TW HK SG MY"
)
_REGIONS: Final = tuple(_REGION_CODES.split())
"""Countries whose national numbers are masked after a word for telephone: those of most people who
are online."""
_GAP: Final = r"[ \u00a0().\-/\u2010-\u2015]{0,3}"
_WORDS: Final = (
    r"phone|ph|tel|telephone|mobile|mob|cell|cellphone|fax|whatsapp|sms|viber|landline|"
    r"(?:call|text|ring|reach) (?:me|us|him|her|them)(?: at| on)?|call|ring|dial|"
    r"(?:my|mon|mi|meine?|ma|il mio|o? ?meu|mijn|мой) (?:number|num[ée]ro|n[úu]mero|nummer|номер)|"
    r"telefon\w*|handy\w*|mobil|mobilnummer|rufnummer|festnetz|"
    r"t[ée]l[ée]phone|t[ée]l|portable|appelez|"
    r"tel[ée]fono|m[óo]vil|celular|ll[áa]ma\w*|telefone|telem[óo]vel|ligue|cellulare|"
    r"telefoon\w*|mobiel|gsm|tlf|puhelin|komórka|kom|hp|telp|telepon|điện thoại|sđt|"
    r"телефон\w*|тел|моб|звоните|電話(?:番号)?|电话|手机(?:号码?)?|携帯|联系方式|전화(?:번호)?|휴대폰|"
    r"फोन|मोबाइल|هاتف|جوال|تلفن"
)
_NUMBER: Final = re.compile(
    rf"(?<![\d.,])[+(]{{0,2}}\d(?:{_GAP}\d){{6,14}}(?!\d|[.,]\d|[-_]?[A-Za-z])"
)
_WORD_BEFORE: Final = re.compile(
    rf"(?<![{LETTER}\\])(?:{_WORDS})s?(?![{LETTER}])[^\n\d]{{0,24}}\Z", re.IGNORECASE
)
_BEFORE_LENGTH: Final = 48
"""Characters before a number that are searched for a word for telephone."""
_NORTH_AMERICAN: Final = re.compile(
    r"(?<![\w.+/-])(?<!\d )(?:(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}([ .-]))"
    r"\d{3}(?(1)\1|[ .-])\d{4}|\+1555\d{7})(?![\w/-]|[. ]\d)",
    re.ASCII,
)
_FICTION: Final = "555"
_DATE_OR_DECIMAL: Final = re.compile(
    r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)\d\d|^\d+\.\d+$"
)
_MIN_DIGITS_IN_A_ROW: Final = 8
"""Digits at least of a number without separators: a shorter one is a count, a year or a code."""
_MAX_LENGTH: Final = 30
"""Characters of a number with its separators: E.164 allows 15 digits, after `00`."""
_INTERNATIONAL: Final = re.compile(
    rf"(?<![A-Za-z0-9_.,+-])(?:[+\uff0b]\(?|(?<!/)00)[1-9](?:{_GAP}\d){{6}}"
)


def _find(text: str) -> Iterator[Span]:
    yield from without_overlaps(
        chain(_international(text), _north_american(text), _after_words(text))
    )


def _international(text: str) -> Iterator[Span]:
    for begin in _INTERNATIONAL.finditer(text):
        # The matcher is slow, so it is given only the characters that may be the number.
        number = text[begin.start() : begin.start() + _MAX_LENGTH].split("\n", 1)[0]
        # In most countries 00 is dialled before a country's code. Germany stands for them.
        for match in PhoneNumberMatcher(number, "DE", Leniency.VALID):
            if match.start == 0:
                yield begin.start(), begin.start() + match.end
            break


def _north_american(text: str) -> Iterator[Span]:
    for match in _NORTH_AMERICAN.finditer(text):
        number = match[0].lstrip("+1 .-(")
        if number.startswith(_FICTION) or _is_valid(match[0], "US"):
            yield match.span()


def _after_words(text: str) -> Iterator[Span]:
    for match in _NUMBER.finditer(text):
        number = match[0]
        before = text[max(match.start() - _BEFORE_LENGTH, 0) : match.start()]
        if (
            _is_plausible(number)
            and _WORD_BEFORE.search(before)
            and any(_is_valid(number, region) for region in _REGIONS)
        ):
            yield match.span()


def _is_plausible(number: str) -> bool:
    groups = re.findall(r"\d+", number)
    digits = sum(map(len, groups))
    if len(groups) == 1:
        return digits >= _MIN_DIGITS_IN_A_ROW
    return digits >= 2 * len(groups) and not _DATE_OR_DECIMAL.search(number)


def _is_valid(number: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


MASK: Final = Mask("phone", r"\p{Nd}(?:[ \x{a0}().\-/\x{2010}-\x{2015}]{0,3}\p{Nd}){6}", _find)
