# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
"""Telephone numbers, checked against the numbering plans of their countries.

Numbers of nearly every length are valid in some country, so validity alone is not enough. A number
is masked if one of these holds:

- It begins with `+` or `00` and a country's code, and is valid in that country.
- It is divided as in North America by hyphens, dots or parentheses, is valid there or fictitious
  (area code 555), and no word before it makes it the number of an order or the like.
- A word for telephone stands next to it, and either it is valid in one of `_REGIONS` and written as
  people write numbers there, or it begins with `0`, `+` or a parenthesis and the word has no other
  meaning.

Source: Google's libphonenumber with its metadata, as the package phonenumbers; E.164 and E.123.
"""

import re
from collections.abc import Container, Iterator
from typing import Final

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher

from app.curation.rules.cleaning.masks.mask import FOUR_DIGITS, Form, Mask, Span
from app.curation.rules.cleaning.masks.words import before, counts_goods_or_papers, next_to

_REGION_CODES: Final = (
    "US GB DE FR ES IT NL PL BR MX AR CO CL IN PK BD CN JP KR ID VN TH PH TR IR RU UA AU NZ ZA NG "
    "EG KE MA SA AE IL CH AT BE SE NO DK FI PT IE CZ RO HU GR CA TW HK SG MY"
)
_REGIONS: Final = tuple(_REGION_CODES.split())
"""Countries whose national numbers are masked after a word for telephone: those of most people who
are online."""
_GAP: Final = r"[ \u00a0().\-/\u2010-\u2015]{0,3}"
_CLEAR_WORDS: Final = (
    r"(?:tele|cell|i|smart)?phone|ph|tel|fax|whatsapp|viber|signal|telegram|landline|cellphone|"
    r"(?:call|text|ring|reach|phone|contact|dial|message|ping) "
    r"(?:me|us|him|her|them|(?:my|our) [a-z]{2,12})|give (?:me|us|him|her) an? [a-z]{4,6}|"
    r"(?:my|our|his|her|their|mon|mi|meine?|ma|il mio|o? ?meu|mijn|мой|мій|moj[ea]?|mój|můj|mit|"
    r"mitt|min|το|numărul|ang) (?:number|num[ée]ro|n[úu]mero|numer|nummer|номер|číslo|broj|numara)|"
    r"(?:my|his|her|their) (?:mobile|cell)(?:['\u2019]s)?|"
    r"telefon\w*|handy\w*|mobilnummer|mobile (?:phone|number)|rufnummer|festnetz\w*|"
    r"t[ée]l[ée]phone|t[ée]l|portable|appelez(?:-moi)?|"
    r"tel[ée]fono|m[óo]vil|celular|ll[áa]m(?:ame|eme|enos|ar)|telefone|telem[óo]vel|ligue|"
    r"cellulare|telefoon\w*|mobiel|tlf|mobil|puhelin\w*|komórka|telp|telepon|điện thoại|sđt|"
    r"телефон\w*|тел|моб|мобильн\w+|звоните|電話|电话|手机|手機|携帯|联系方式|전화|휴대폰|연락처|"
    r"फ़ोन|फोन|मोबाइल|هاتف|جوال|تلفن|موبایل|טלפון|נייד|โทร(?:ศัพท์)?|เบอร์โทร|τηλ(?:έφων\w*)?|κινητό|"
    r"ruf (?:mich|uns|ihn|sie)|erreichbar|erreichst du|appel(?:ez|le|er)(?:-(?:moi|nous))?|"
    r"rappel(?:le|ez)|(?:me|nous|le|la) joindre|chiama(?:mi|ci|telo)|contattar?mi|telefona(?:mi)?|"
    r"m[áa]rca(?:me|le|nos)|localizar(?:me|nos)|cont[áa]cta(?:me|nos)|me liga|liga[r-]|"
    r"bel (?:me|mij|ons)|bereik(?:en|baar)|app me|ring (?:til |på )?(?:mig|meg|min|mor|far)|"
    r"træffe[rs]? mig|treffer meg|når (?:du )?(?:mig|meg)|signal till|melding til|soita|tavoitat|"
    r"numero(?:ni|on|sta)|zadzwoń|dzwoń|zavolej\w*|zavolaj\w*|volejte|hívj\w*|számom|telefonszám\w*|"
    r"sună(?:-mă)?|nazovi|pozovi|pokliči|обади се|позвони\w*|набери\w*|дзвони\w*|подзвони\w*|"
    r"сотов\w+|телефонуй\w*|πάρε (?:με|μας)|κάλεσέ με|cep|ara|hubungi|talian|gọi|liên hệ|"
    r"ติดต่อ|เบอร์|携帯番号|ご連絡は?|お電話は?|请打|拨打|致电|手机号码|(?:제|내|저의) ?번호|연락|कॉल|"
    r"मेरा नंबर|رقمي|رقم هاتفي|اتصل|تماس|شماره|המספר|התקשר\w*|simu|nambari|tawagan"
)
"""Words for a telephone and for calling, which have no other meaning before a number."""
_AMBIGUOUS_WORDS: Final = r"mobile|mob|cell|gsm|hp|kom|sms|text|call|ring|dial|contact"
"""Words that have other meanings as well: a number after them must be divided, or begin with 0."""
_CHAIN: Final = re.compile(rf"\d(?:{_GAP}\d){{6,}}")
"""Digits near each other, in which all numbers are. It is searched many times faster."""
_AROUND_LENGTH: Final = 2
"""Characters around such digits that belong to a number or tell that it is none."""
_NUMBER: Final = re.compile(
    rf"(?<![\d.])(?<!\d,)[+(]{{0,2}}\d(?:{_GAP}\d){{6,14}}(?!\d|[.,]\d|[-_]?[A-Za-z])"
)
_CLEAR_WORD_BEFORE: Final = re.compile(next_to(_CLEAR_WORDS) + r"[+(]{0,2}\Z", re.IGNORECASE)
_WORD_BEFORE: Final = re.compile(
    next_to(f"{_CLEAR_WORDS}|{_AMBIGUOUS_WORDS}") + r"[+(]{0,2}\Z", re.IGNORECASE
)
_NORTH_AMERICAN: Final = re.compile(
    r"(?<![\w.+/-])(?<!\d )(?:(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}([ .-]))"
    r"\d{3}(?(1)\1|[ .-])\d{4}|\+1555\d{7})(?![\w/-]|[. ]\d)",
    re.ASCII,
)
_FICTION: Final = "555"
_WORD_AFTER: Final = re.compile(
    r"[)\s]{0,2}(?:numara(?:sın|lı|m)\w*|számon|पर (?:कॉल|फ़ोन|फोन|संपर्क)|번으로|"
    r"まで(?:お?電話|ご?連絡)|に(?:お?電話|ご?連絡)|找我|联系我)"
)
"""Words of languages that put them after the number."""
_COUNTING: Final = "0123456789012345"
_MIN_DISTINCT: Final = 3
"""Different digits of a number at least: fewer stand for any number, as `0123456789` does."""
_DIALLED: Final = range(8, 14)
"""Digits of a number that is masked without a look at numbering plans, if it begins as one that is
dialled and a word without another meaning is before it: people mistype, and make numbers up."""
_DATE_OR_DECIMAL: Final = re.compile(
    r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)\d\d|^\d+\.\d+$"
)
_MIN_DIGITS_IN_A_ROW: Final = 8
"""Digits at least of a number without separators: a shorter one is a count, a year or a code."""
_MAX_LENGTH: Final = 30
"""Characters of a number with its separators: E.164 allows 15 digits, after `00`."""
_SIZE_NUMBERS: Final = (
    "128 256 512 1024 2048 4096 8192 320 360 375 390 393 412 414 480 540 600 640 667 720 736 "
    "768 800 812 834 844 850 854 896 900 926 932 960 1080 1136 1170 1179 1200 1242 1280 1284 "
    "1290 1334 1366 1440 1600 1700 1800 1900 1920 2100 2160 2300 2340 2400 2436 2500 2532 2556 "
    "2560 2600 2688 2778 2796 3200 3500 3840"
)
_SIZES: Final = frozenset(_SIZE_NUMBERS.split())
"""Pixels, bytes and frequencies that telephones are described by."""
_YEAR: Final = re.compile(r"(?:1[5-9]|20)\d\d")
_INTERNATIONAL: Final = re.compile(
    rf"(?:(?<![0-9+\uff0b])(?<![A-Za-z0-9_]-)(?<![0-9][.,])(?<![A-Za-z_])[+\uff0b]\(?"
    rf"|(?<![A-Za-z0-9_.+-])(?<!/)(?<![0-9][ ,])00)[1-9](?:{_GAP}\d){{6}}"
)


def _find(text: str) -> Iterator[Span]:
    for chain in _CHAIN.finditer(text):
        around = max(chain.start() - _AROUND_LENGTH, 0), chain.end() + _AROUND_LENGTH
        found = {*_international(text, *around), *_north_american(text, *around)}
        yield from found
        yield from _after_words(text, *around, found)


def _international(text: str, first: int, end: int) -> Iterator[Span]:
    for begin in _INTERNATIONAL.finditer(text, first, end):
        # The matcher is slow, so it is given only the characters that may be the number.
        number = text[begin.start() : begin.start() + _MAX_LENGTH].split("\n", 1)[0]
        # In most countries 00 is dialled before a country's code. Germany stands for them.
        for match in PhoneNumberMatcher(number, "DE", Leniency.VALID):
            if match.start == 0:
                yield begin.start(), begin.start() + match.end
            break


def _north_american(text: str, first: int, end: int) -> Iterator[Span]:
    for match in _NORTH_AMERICAN.finditer(text, first, end):
        number = match[0].lstrip("+1 .-(")
        is_issued = number.startswith(_FICTION) or _is_valid(match[0], "US")
        is_by_spaces = match[1] == " " and not match[0].startswith("+")
        if (
            is_issued
            and not (is_by_spaces and not _WORD_BEFORE.search(before(text, match.start())))
            and not counts_goods_or_papers(text, match.start())
        ):
            yield match.span()


def _after_words(text: str, first: int, end: int, found: Container[Span]) -> Iterator[Span]:
    for match in _NUMBER.finditer(text, first, end):
        if match.span() in found:
            continue  # the plans of so many countries take half a millisecond
        number, words = match[0], before(text, match.start())
        is_after_word = _WORD_BEFORE.search(words) is not None
        if not (is_after_word or _WORD_AFTER.match(text, match.end())):
            continue
        is_told = is_after_word and _CLEAR_WORD_BEFORE.search(words) is not None
        if _is_plausible(number, is_told=is_told) and (
            (is_told and _is_dialled(number))
            or any(_is_written_as_in(number, region) for region in _REGIONS)
        ):
            yield match.span()


def _is_dialled(number: str) -> bool:
    """Tell whether a number begins as one that is dialled, and is as long."""
    return number[0] in "+(0" and sum(map(str.isdigit, number)) in _DIALLED


def _is_plausible(number: str, *, is_told: bool) -> bool:
    """Tell whether digits may be a telephone number, by how they are divided.

    Args:
        number: The digits with their separators.
        is_told: Whether the word before them has no other meaning.
    """
    groups = re.findall(r"\d+", number)
    digits = sum(map(len, groups))
    if len(set("".join(groups))) < _MIN_DISTINCT or "".join(groups) in _COUNTING:
        return False
    if len(groups) == 1:
        return digits >= _MIN_DIGITS_IN_A_ROW and (is_told or number.startswith("0"))
    if all(group in _SIZES or _YEAR.fullmatch(group) for group in groups):
        return False
    return digits >= 2 * len(groups) and not _DATE_OR_DECIMAL.search(number)


def _is_written_as_in(number: str, region: str) -> bool:
    """Tell whether a number is valid in a country, and divided as people there divide it."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return False
    if not phonenumbers.is_valid_number(parsed):
        return False
    groups = re.findall(r"\d+", number)
    if len(groups) == 1 or number[0] in "+(0" or set(map(len, groups)) == {3}:
        return True
    usual = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return groups == re.findall(r"\d+", usual)


def _is_valid(number: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


_HINT: Final = r"\p{Nd}(?:[ \x{a0}().\-/\x{2010}-\x{2015}]{0,3}\p{Nd}){6}"

MASK: Final = Mask("phone", [Form((*FOUR_DIGITS, _HINT), _find)])
