# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
"""Street addresses: a street, a number in it, and the town with its postcode.

`ADDRESS_FORMS` has a row for each order in which countries write them. What makes a form distinct
is that a word for a street, a number, a postcode and a name in capitals follow each other with
nothing between. A street without a number or a town stays, and so do addresses of examples
(`123 Main Street`) and those that everybody knows. docs/decisions/0022 compares the forms with
libraries.

Source: the addressing systems of the Universal Postal Union's members.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from app.curation.rules.cleaning.masks.mask import (
    DIGIT,
    FOUR_DIGITS,
    LETTER,
    Form,
    Hints,
    Mask,
    Span,
)

_CAPITAL: Final = "A-ZÀ-ÖØ-ÞŁŚŻŹĆČŠŽŘĎŤŇŐŰİŞ"
_WORD: Final = rf"[{_CAPITAL}][{LETTER}0-9.'’-]{{0,30}}"
_GAP: Final = r"(?:[ ,]{1,3}(?:\n[ \t]{0,3})?|\n[ \t]{0,3})"
_NUMBER: Final = r"[0-9]{1,4}(?: ?[a-zA-Z]\b)?(?:[-/][0-9]{1,4}[a-zA-Z]?)?\b"
_PARTICLES: Final = (
    "am|an|auf|bei|im|der|den|de|del|della|delle|di|da|das|do|dos|la|le|les|los|sur|sous|en|nad|y|e"
)
_TOWN_WORD: Final = rf"[{_CAPITAL}][{LETTER}0-9'’-]{{0,29}}[{LETTER}0-9]"
_TOWN: Final = (
    rf"{_TOWN_WORD}(?:[ -](?:(?:{_PARTICLES})[ -]){{0,2}}{_TOWN_WORD}){{0,3}}"
    r"(?: ?\([A-Z]{2}\)| ?/ ?[A-Z]{2}\b)?"
)
_UNIT: Final = r"(?i:apt|apartment|suite|ste|unit|floor|fl|flat|studio|room|rm|#)\.? ?#?\w{1,6}"
_ENGLISH_WORD: Final = (
    r"(?:[A-Z0-9][\w.'’#-]{0,30}|street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|place|way)"
)
_ENGLISH_NUMBER: Final = r"[0-9]{1,6}[a-zA-Z]?(?:-[0-9]{1,4})?(?: 1/2)?"
_STREET: Final = (
    rf"(?:(?:{_UNIT}{_GAP})?{_ENGLISH_NUMBER} {_ENGLISH_WORD}(?: {_ENGLISH_WORD}){{0,4}}"
    rf"(?:{_GAP}{_UNIT}){{0,2}}"
    rf"|(?i:p\.? ?o\.? ?box|unit|psc) [0-9]{{1,6}}(?:{_GAP}Box [0-9]{{1,6}})?)"
)
_ENGLISH_TOWN: Final = r"[A-Z][\w.'’-]{0,29}\w(?: [A-Z][\w.'’-]{0,29}\w){0,3}"
_STATE: Final = (
    r"(?:A[AEKLPRSZ]|C[AOT]|D[CE]|F[LM]|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEHINOPST]|N[CDEHJMVY]|"
    r"O[HKR]|P[ARW]|RI|S[CD]|T[NX]|UT|V[AIT]|W[AIVY]|Alabama|Alaska|Arizona|Arkansas|California|"
    r"Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|"
    r"Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|"
    r"Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|"
    r"North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|"
    r"Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming)"
)
_PROVINCE: Final = (
    r"(?:AB|BC|MB|N[BLSTU]|ON|PE|QC|SK|YT|Alberta|British Columbia|Manitoba|New Brunswick|"
    r"Nova Scotia|Ontario|Qu[eé]bec|Saskatchewan)"
)
_AMERICAN_CODE: Final = rf"{_STATE}\.?,? {{1,2}}[0-9]{{5}}(?:-[0-9]{{4}})?"
_CANADIAN_CODE: Final = r"[A-CEGHJ-NPR-TVXY][0-9][A-Z] ?[0-9][A-Z][0-9]"
_AUSTRALIAN_CODE: Final = r"(?:ACT|NSW|NT|QLD|SA|TAS|VIC|WA),? [0-9]{4}"
_BRITISH_CODE: Final = r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}"
_END: Final = "(?![A-Za-z0-9-])"
"""What no postcode is followed by."""
_BEFORE_TOWN: Final = r"[0-9](?: ?[A-Z]{2})?[ ,\n]{1,3}(?:de )?[^\x00-@\[-\xa0]"
"""What every postcode with the town after it has: a digit, or two more letters as in the
Netherlands, before a capital letter."""
_ENDING: Final = (
    r"(?i:stra(?:ß|ss)e|str\.|weg|gasse|platz|allee|damm|ufer|steig|chaussee|straat|laan|plein|"
    r"dreef|baan|kade|gracht|singel|steeg|dijk|boulevard|gatan|vägen|gränd|torget|vej|vejen|gade|"
    r"stræde|allé|veien|gata|katu|kuja|polku|[a-zäö]{3}tie)"
)
_FRENCH: Final = (
    r"(?i:rue|avenue|av\.|boulevard|bd|chemin|place|allée|impasse|quai|route|cours|square|passage)"
)
_SOUTHERN: Final = (
    r"(?i:calle|c/|avda?\.?|avenida|plaza|paseo|pasaje|pasadizo|camino|ronda|carrer|carretera|"
    r"vial|via|viale|piazza|corso|vicolo|largo|borgo|contrada|strada|str\.|bulevardul|"
    r"[sș]oseaua|aleea|rua|r\.|travessa|praça|praia|alameda|estrada|rodovia)"
)
_SOUTHERN_CODE: Final = r"(?:[0-9]{4,5}-[0-9]{3}|[0-9]{5,6})\b"
_RUSSIAN: Final = (
    r"(?i:ул(?:ица|иця|\.)|вул(?:иця|\.)|пр(?:оспект|-т|\.)|бул(?:ьвар|\.)|б-р|пер(?:еулок|\.)|"
    r"наб(?:ережная|\.)|алл(?:ея|\.)|шоссе)"
)
_RUSSIAN_HINT: Final = r"(?:ул|пр|бул|пер|наб|алл)[а-яіїє.-]* ?[А-ЯІЇЄҐ0-9]"
_TURKISH: Final = r"(?:Cad(?:desi|\.)|Cd\.|Sok(?:ak|ağı|\.)|Sk\.|Bulvarı),? No: ?[0-9]{1,4}"
_HAN: Final = "(?:(?![我你您他她在是为住到址所于於寄送的])[一-鿿])"
"""A character of a place's name, and none that stands before an address in a sentence."""
_JAPANESE: Final = rf"(?:東京都|北海道|京都府|大阪府|{_HAN}{{2,3}}県)[一-鿿ぁ-ヿ]{{2,24}}[0-9０-９]"
_CHINESE: Final = r"(?:路|街|道|巷|弄|段) ?[0-9]{1,5}(?:弄[0-9]{1,4})?[号號]"
_KOREAN: Final = r"[가-힣0-9]{1,12}(?:로|길|거리) ?[0-9]{1,4}"
_WELL_KNOWN: Final = re.compile(
    r"(?i)any ?(?:town|city|where)|(?:your|some) ?(?:town|city)"
    r"|\b(?:123 (?:main|any|fake|example|elm|oak|maple|sample)|1234 main) |"
    r"\b1600 (?:pennsylvania|amphitheat)|\b10 downing|\b221b baker|\bmusterstra|\bbeispielstra|"
    r"\b(?:51 franklin st|59 temple pl|675 mass)"
)
"""Found in addresses of examples, of seats of government, of fiction and of licences of code."""


@dataclass(frozen=True, slots=True)
class AddressForm:
    """A form of addresses.

    Attributes:
        countries: ISO 3166 codes of the countries that write addresses so.
        hints: What is all found in every text with such an address, as the hints of a `Form`.
        pattern: A regular expression of the address.
    """

    countries: str
    hints: Hints
    pattern: str
    _address: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "_address", re.compile(rf"(?<![{LETTER}0-9_.-])(?:{self.pattern})")
        )

    def find(self, text: str) -> Iterator[Span]:
        """Yield the places of such addresses in a text, from left to right."""
        for match in self._address.finditer(text):
            if not _WELL_KNOWN.search(match[0]):
                yield match.span()


ADDRESS_FORMS: Final = (
    AddressForm(
        "US",
        (*FOUR_DIGITS, r"[A-Za-z][.,]{0,2} {1,2}[0-9]{5}", _AMERICAN_CODE),
        rf"{_STREET}{_GAP}{_ENGLISH_TOWN}{_GAP}{_AMERICAN_CODE}{_END}",
    ),
    AddressForm(
        "CA",
        (DIGIT, _CANADIAN_CODE),
        rf"{_STREET}{_GAP}{_ENGLISH_TOWN}{_GAP}\(?{_PROVINCE}\)?,? {{1,2}}{_CANADIAN_CODE}{_END}",
    ),
    AddressForm(
        "AU",
        (*FOUR_DIGITS, _AUSTRALIAN_CODE),
        rf"{_STREET}{_GAP}{_ENGLISH_TOWN}{_GAP}{_AUSTRALIAN_CODE}{_END}",
    ),
    AddressForm(
        "GB",
        (DIGIT, _BRITISH_CODE),
        rf"(?:{_UNIT}{_GAP}(?:[0-9]{{1,4}}[a-zA-Z]? )?|[0-9]{{1,4}}[a-zA-Z]? ){_ENGLISH_WORD}"
        rf"(?: {_ENGLISH_WORD}){{0,4}}(?:{_GAP}{_ENGLISH_TOWN}){{1,3}}?{_GAP}{_BRITISH_CODE}{_END}",
    ),
    AddressForm(
        "DE AT CH NL BE DK NO SE FI",
        (*FOUR_DIGITS, _BEFORE_TOWN, rf"{_ENDING} [0-9]"),
        rf"(?:{_WORD} )?(?:[{_CAPITAL}][\w'’-]{{0,40}})?{_ENDING} {_NUMBER}{_GAP}(?:[A-Z]{{1,2}}-)?"
        rf"(?:[0-9]{{4}} ?[A-Z]{{2}}|[0-9]{{4,5}}|[0-9]{{3}} [0-9]{{2}}){_GAP}(?:de )?{_TOWN}",
    ),
    AddressForm(
        "FR BE CH",
        (*FOUR_DIGITS, _BEFORE_TOWN, rf"[0-9](?: bis| ter)?,? {_FRENCH}"),
        rf"{_NUMBER}(?: bis| ter)?,? {_FRENCH} [^\n,;:]{{2,40}}{_GAP}[0-9]{{4,5}} {_TOWN}",
    ),
    AddressForm(
        "ES IT PT BR MX RO",
        (
            *FOUR_DIGITS,
            r"[0-9]{5}|[0-9]{4}-[0-9]{3}",
            rf"{_SOUTHERN} [^;:!?]* [0-9]{{1,4}}[a-zA-Z]?[ ,\n][^;:!?]*(?:[0-9]{{5}}|-[0-9]{{3}})",
        ),
        rf"{_SOUTHERN} ?(?:(?:{_PARTICLES}) ){{0,2}}{_WORD}"
        rf"(?:[ -](?:(?:{_PARTICLES})[ -]){{0,2}}{_WORD}){{0,4}}(?:, ?| )(?:n[º°.or]{{1,2}} ?)?"
        rf"{_NUMBER}(?:{_GAP}[\wº°ª.'’ -]{{1,40}}?){{0,2}}?{_GAP}"
        rf"(?:{_SOUTHERN_CODE}{_GAP}{_TOWN}|{_TOWN}{_GAP}{_SOUTHERN_CODE}(?:{_GAP}{_TOWN})?)",
    ),
    AddressForm(
        "PL",
        (*FOUR_DIGITS, _BEFORE_TOWN, "[0-9]{2}-[0-9]{3} "),
        rf"(?:ul\.|ulica|al\.|aleja|pl\.|plac|os\.) ?{_WORD}(?: {_WORD}){{0,3}} {_NUMBER}{_GAP}"
        rf"[0-9]{{2}}-[0-9]{{3}} {_TOWN}",
    ),
    AddressForm(
        "CZ SK",
        (*FOUR_DIGITS, _BEFORE_TOWN, "[0-9]{3} [0-9]{2} "),
        rf"{_WORD}(?: {_WORD}){{0,2}} {_NUMBER}{_GAP}[0-9]{{3}} [0-9]{{2}} {_TOWN}",
    ),
    AddressForm(
        "RU UA",
        (DIGIT, _RUSSIAN_HINT),
        rf"(?:г\. ?[А-ЯЁ][\w-]{{1,30}}, ?)?{_RUSSIAN} ?[А-ЯЁІЇЄҐ0-9][\w -]{{1,40}}, ?"
        r"(?:(?:д|дом|буд)\.? ?)?[0-9]{1,4} ?[а-яёА-Я]?(?![\w.])"
        r"(?:,? ?(?:корп|к|стр|кв|оф)\.? ?[0-9]{1,4}\b){0,3}(?:, ?[0-9]{5,6}\b)?",
    ),
    AddressForm(
        "TR",
        (DIGIT, r"No: ?[0-9]"),
        rf"(?:{_WORD} (?:Mah(?:allesi|\.)),? )?(?:{_WORD} ){{1,3}}{_TURKISH}"
        rf"(?:[ ,/]{{1,3}}(?:[0-9]{{1,5}}\b|D(?:aire|\.): ?[0-9]{{1,4}}|{_WORD})){{0,5}}",
    ),
    AddressForm(
        "JP",
        (DIGIT, r"[都道府県][^\n]*[0-9０-９]"),
        rf"(?:〒?[0-9]{{3}}-[0-9]{{4}} ?)?{_JAPANESE}[0-9０-９]{{0,2}}(?:丁目[0-9０-９]{{1,3}}"
        r"(?:番地?|[-－])(?:[0-9０-９]{1,3}号?)?|[-－][0-9０-９]{1,3}(?:[-－][0-9０-９]{1,4})?)",
    ),
    AddressForm(
        "CN TW",
        (DIGIT, r"[0-9][号號]"),
        rf"(?:{_HAN}{{2,8}}(?:省|自治区))?(?:{_HAN}{{2,6}}市)?{_HAN}{{1,8}}[市区區县縣][一-鿿]{{1,16}}"
        rf"{_CHINESE}(?:[0-9A-Za-z一-鿿]{{0,8}}[0-9]{{1,4}}[室楼樓号號])?",
    ),
    AddressForm(
        "KR",
        (DIGIT, r"[로길리] ?[0-9]"),
        r"[가-힣]{2,8}[시도] (?:[가-힣]{1,6}시 )?(?:[가-힣]{1,6}[구군] )?(?:[가-힣]{1,8}[읍면] )?"
        rf"{_KOREAN}(?:-[0-9]{{1,4}})?(?![0-9가-힣])",
    ),
)


MASK: Final = Mask("street_address", [Form(row.hints, row.find) for row in ADDRESS_FORMS])
