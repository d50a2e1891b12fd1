"""Numbers of payment cards, checked by issuer, length, grouping and Luhn's check digit.

Sources: ISO/IEC 7812-1 with its annex B (Luhn), and the issuers' ranges as published for merchants:
Visa 4; Mastercard 51-55 and 2221-2720; American Express 34 and 37; Discover 6011, 644-649, 65;
Diners Club 300-305, 36, 38-39; JCB 3528-3589; UnionPay 62; Mir 2200-2204; Maestro 5018, 5020,
5038, 5893, 6304, 6759, 6761-6763. Visa's numbers of 13 digits are left out: they aren't issued any
more, and numbers of goods look like them.
"""

import re
from collections.abc import Iterator
from typing import Final

from stdnum import luhn

from app.curation.rules.cleaning.masks.mask import Mask, Span

_SEPARATOR: Final = "[ \u00a0.-]"
_CANDIDATE: Final = re.compile(
    rf"(?<!\w)(?<![0-9]{_SEPARATOR})(?<![\w,][,-])"
    r"(?:[0-9]{14,19}"
    rf"|[0-9]{{4}}({_SEPARATOR})[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{4}}(?:\1[0-9]{{3}})?"
    rf"|[0-9]{{4}}({_SEPARATOR})[0-9]{{6}}\2[0-9]{{4,5}})"
    rf"(?!{_SEPARATOR}?[0-9])(?!\w)",
    re.ASCII,
)
_ISSUED: Final = re.compile(
    r"4(?:[0-9]{15}|[0-9]{18})"
    r"|5[1-5][0-9]{14}"
    r"|(?:222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}"
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12}"
    r"|(?:30[0-5][0-9]|3[689][0-9]{2})(?:[0-9]{10}|[0-9]{12})"
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}"
    r"|62[0-9]{14}"
    r"|220[0-4][0-9]{12}"
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{12}"
)
_LONG: Final = 17
"""A number of this many digits or more without separators is more often the id of a post than a
card."""


def _find(text: str) -> Iterator[Span]:
    for match in _CANDIDATE.finditer(text):
        number = re.sub(_SEPARATOR, "", match[0])
        divided = len(number) < len(match[0])
        if (divided or len(number) < _LONG) and _ISSUED.fullmatch(number) and luhn.is_valid(number):
            yield match.span()


MASK: Final = Mask(
    "card",
    r"[0-9]{14}|[0-9]{4}[ \x{a0}.-][0-9]{4}[ \x{a0}.-][0-9]{4}|[0-9]{4}[ \x{a0}.-][0-9]{6}",
    _find,
)
