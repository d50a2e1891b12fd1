# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
"""Words beside a number that tell what it is.

A word counts only where nothing but punctuation and a few small words lie between it and the
number, as in `Tel. (work): 030 …` or `my number is 030 …`: in other places it speaks of something
else.
"""

import re
from typing import Final

from app.curation.rules.cleaning.masks.mask import LETTER

BEFORE_LENGTH: Final = 64
"""Characters before a number that are searched for words."""
_SMALL: Final = (
    r"numbers?|num|no|nr|n[°ºo]|№|is|are|was|at|on|to|me|us|code|id|card|holder|work|home|office|"
    r"private|new|old|direct|line|nummer|ist|lautet|lauten|unter|am|an|den|der|dem|vom|"
    r"num[ée]ro|est|le|la|au|du|de|n[úu]mero|es|el|al|em|é|è|il|del|na|jest|numer|"
    r"номер|мой|это|по|номеру|паспорта|серия|и|er|är|nomor|saya|adalah|là|số|numarası|"
    r"नंबर|संख्या|है|رقم|هو|"
    r"op|mij|mijn|til|mig|meg|mit|mitt|min|på|för|om|moi|nous|mon|ma|mi|mia|ao|aos|pelo|"
    r"para|meu|minha|meine?|pod|num[ea]r\w*|číslo|můj|moje|moj\w*|mój|je|este|mea|broj|van|het|"
    r"со|за|на|мне|меня|мені|моя|мій|ми|є|е|το|στο|στον|μου|είναι|με|di|ke|kepada|ialah|"
    r"untuk|của|tôi|mình|cho|qua|benim|numaram|मेरा|मेरी|मुझे|को|पर|"
    r"الخاص|الخاصة|بي|ي|هي|على|من|است|שלי|של|הוא|היא|ב|kwa|yangu|ako|ko|sa|ay"
)
_UNSPACED: Final = (
    "号码?|號碼?|番号|号|是|は|が|を|へ|に|為|为|我|的|번호|는|은|로|으로|"
    "หมายเลข|คือ|ของ|ฉัน|ผม|ดิฉัน|ได้|ที่"
)
"""Small words of languages that put no space after them."""
_SEPARATOR: Final = r"[\s:：.,;#=~*_\"'`()（）\[\]|<>/\-\u2013\u2014]"


def next_to(words: str) -> str:
    """Return a regular expression of these words and all that may be between them and a number.

    Args:
        words: A regular expression of the words, which need no boundary of a word.
    """
    return (
        rf"(?<![{LETTER}0-9\\])(?:{words})(?![{LETTER}])"
        rf"(?:{_SEPARATOR}{{0,5}}(?:(?i:{_SMALL})(?![{LETTER}0-9])|{_UNSPACED})){{0,4}}{_SEPARATOR}{{0,6}}"
    )


_OTHER: Final = re.compile(
    next_to(
        r"orders?|invoices?|tickets?|tracking|parcel|shipment|isbn(?:-1[03])?|issn|ean|upc|gtin|"
        r"asin|sku|imei|doi|oclc|part|parts|item|product|serial|model|batch|lot|catalog(?:ue)?|"
        r"case|ref|reference|issue|bug|build|version|patent|rfc|transaction|"
        r"bestell\w*|auftrags\w*|rechnungs\w*|artikel\w*|sendungs\w*|serien\w*|modell\w*|"
        r"commande|facture|colis|référence|modèle|pedido|factura|fatura|modelo|ordine|fattura|"
        r"modello|bestelling|zamówieni\w*|заказ\w*|артикул|модель|訂單|订单|型号|注文|型番|주문"
    )
    + r"\Z",
    re.IGNORECASE,
)


def before(text: str, begin: int) -> str:
    """Return the part of a text in which a word that belongs to the number at `begin` may be."""
    return text[max(begin - BEFORE_LENGTH, 0) : begin]


def counts_goods_or_papers(text: str, begin: int) -> bool:
    """Tell whether the words before a number make it one of an order, a book, a part or the like.

    Args:
        text: The text.
        begin: Index of the number's first character.
    """
    return _OTHER.search(before(text, begin)) is not None
