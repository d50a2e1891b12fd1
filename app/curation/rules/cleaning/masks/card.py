"""Numbers of payment cards, checked by issuer, length, grouping and Luhn's check digit.

Sources: ISO/IEC 7812-1 with its annex B (Luhn), and the issuers' ranges as published for merchants:
Visa 4; Mastercard 51-55 and 2221-2720; American Express 34 and 37; Discover 6011, 644-649, 65;
Diners Club 300-305, 36, 38-39; JCB 3528-3589; UnionPay 62; Mir 2200-2204; Maestro 5018, 5020,
5038, 5893, 6304, 6759, 6761-6763. Numbers of 12 or 13 digits are hardly issued any more, and
numbers of goods look like them, so they need a word for a card beside them.
"""

import re
from collections.abc import Iterator
from typing import Final

from stdnum import luhn

from app.curation.rules.cleaning.masks.mask import FOUR_DIGITS, Form, Mask, Span
from app.curation.rules.cleaning.masks.words import before, counts_goods_or_papers, next_to

_SEPARATOR: Final = "[ \u00a0.-]"
_CANDIDATE: Final = re.compile(
    rf"(?<!\w)(?<![0-9]{_SEPARATOR})(?<!\w-)(?<![0-9,],)"
    r"(?:[0-9]{12,19}"
    rf"|[0-9]{{4}}({_SEPARATOR})[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{4}}(?:\1[0-9]{{3}})?"
    rf"|[0-9]{{4}}({_SEPARATOR})[0-9]{{6}}\2[0-9]{{4,5}})"
    rf"(?!{_SEPARATOR}?[0-9])(?!\w)",
    re.ASCII,
)
_ISSUED: Final = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    r"|5[1-5][0-9]{14}"
    r"|(?:222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}"
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12}"
    r"|(?:30[0-5][0-9]|3[689][0-9]{2})(?:[0-9]{10}|[0-9]{12})"
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}"
    r"|62[0-9]{14}"
    r"|220[0-4][0-9]{12}"
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])(?:[0-9]{8}|[0-9]{12})"
)
_USUAL_DIGITS: Final = range(14, 17)
"""Digits of a number without separators that needs no word: a longer one is more often the id of a
post, and a shorter one the number of goods."""
_WORD_BEFORE: Final = re.compile(
    next_to(
        r"(?:(?:credit|debit|bank|payment) ?)?cards?|visa|master ?card|amex|maestro|"
        r"(?:kredit|bank|giro|debit)?karten?(?:nummer|nr)?|tarjeta|carte(?: bancaire| bleue)?|"
        r"cart[ãa]o|carta|betaalkaart|creditcard|kart[aęy]|kartu|kort(?:nummer)?|карт[аы]|"
        r"(?:信用|银行|銀行)?卡|(?:クレジット)?カード|카드|कार्ड|بطاقة|thẻ"
    )
    + r"\Z",
    re.IGNORECASE,
)


def _find(text: str) -> Iterator[Span]:
    for match in _CANDIDATE.finditer(text):
        number = re.sub(_SEPARATOR, "", match[0])
        is_usual = len(number) < len(match[0]) or len(number) in _USUAL_DIGITS
        if (
            (is_usual or _WORD_BEFORE.search(before(text, match.start())))
            and _is_of_card(number)
            and not counts_goods_or_papers(text, match.start())
        ):
            yield match.span()


def _is_of_card(number: str) -> bool:
    return _ISSUED.fullmatch(number) is not None and luhn.is_valid(number)


_HINT: Final = (
    r"[0-9]{12}|[0-9]{4}[ \x{a0}.-][0-9]{4}[ \x{a0}.-][0-9]{4}|[0-9]{4}[ \x{a0}.-][0-9]{6}"
)

MASK: Final = Mask("card", [Form((*FOUR_DIGITS, _HINT), _find)])
