# ruff: noqa: RUF001, RUF002  # words and letters of many scripts are what this is about
"""Numbers that states give to people: of identity, social security, tax, health and passports.

`ID_FORMATS` has a row for each number: the words for it, its form, and the check of its digits. A
number is masked if one of its words stands next to it. One whose form is shared by little else is
masked without a word, too. Numbers of companies stay.

Sources: python-stdnum, whose modules describe the numbers and name each state's own description;
ICAO 9303 for passports, whose numbers have a check digit only in the machine-readable zone.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from stdnum.ar import cuit
from stdnum.at import vnr
from stdnum.au import tfn
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.cr import cpf as cr_cpf
from stdnum.cu import ni as cu_ni
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.do import cedula
from stdnum.ec import ci as ec_ci
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs, utr
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.id import nik
from stdnum.ie import pps
from stdnum.il import idnr as zehut
from stdnum.in_ import aadhaar, epic
from stdnum.is_ import kennitala
from stdnum.it import codicefiscale
from stdnum.jp import in_ as my_number
from stdnum.kr import rrn
from stdnum.lt import asmens
from stdnum.mx import curp, rfc
from stdnum.my import nric
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.nz import ird
from stdnum.pe import cui as pe_cui
from stdnum.pk import cnic
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.ru import inn
from stdnum.se import personnummer
from stdnum.si import emso
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.ua import rntrc
from stdnum.us import itin, ssn
from stdnum.za import idnr as za_id

from app.curation.rules.cleaning.masks.mask import (
    DIGIT,
    FOUR_DIGITS,
    AnchoredForm,
    Form,
    Mask,
    Span,
    matches_at,
)
from app.curation.rules.cleaning.masks.words import counts_goods_or_papers, next_to

_SHOWN_IN_FORMS: Final = frozenset({"123-45-6789", "123456789", "987654321"})
"""Numbers that forms show as an example."""


def _any(_: str) -> bool:
    return True


_BOUND: Final = r"(?![A-Za-z0-9]|[.,-]\d)"
"""What no number is followed by."""


@dataclass(frozen=True, slots=True)
class IdFormat:
    """The format of a number that a state gives to people.

    Attributes:
        words: A regular expression of RE2 for the words that stand before the number.
        pattern: A regular expression of the number, which no letter or digit may adjoin.
        is_valid: Tells whether a text that matches the pattern has the right check digits.
        distinct: A regular expression of RE2 for the form in which the number is also masked
            without a word, since little else has it; empty if there is none.
        word: The compiled words.
        number: The compiled number.
    """

    words: str
    pattern: str
    is_valid: Callable[[str], bool] = _any
    distinct: str = ""
    word: re.Pattern[str] = field(init=False, repr=False)
    number: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "word", re.compile(self.words))
        number = rf"(?:{self.pattern}){_BOUND}"
        object.__setattr__(self, "number", re.compile(number, re.ASCII))

    def match(self, text: str, begin: int) -> re.Match[str] | None:
        """Return the match of a valid number that begins at an index of a text."""
        found = self.number.match(text, begin)
        if found is None or found[0] in _SHOWN_IN_FORMS or not self.is_valid(found[0]):
            return None
        return found


ID_FORMATS: Final = (
    IdFormat(
        r"SSNs?|(?i:social security(?: number| no\.?| #)?|seguro social|(?:my|his|her) social)",
        r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}|\d{9}",
        ssn.is_valid,
        r"\d{3}-\d{2}-\d{4}",
    ),
    IdFormat("ITIN", r"9\d{2}-\d{2}-\d{4}|9\d{8}", itin.is_valid),
    IdFormat("MBI|(?i:medicare)", r"[1-9][A-Z][0-9A-Z]\d-?[A-Z][0-9A-Z]\d-?[A-Z]{2}\d{2}"),
    IdFormat("UTR|(?i:unique taxpayer reference)", r"\d{10}|\d{5} \d{5}", utr.is_valid),
    IdFormat("IRD", r"\d{2,3}[ -]?\d{3}[ -]?\d{3}", ird.is_valid),
    IdFormat("SIN|(?i:social insurance)|NAS", r"\d{3}[ -]?\d{3}[ -]?\d{3}", sin.is_valid),
    IdFormat("TFN|(?i:tax file)", r"\d{3} ?\d{3} ?\d{2,3}", tfn.is_valid),
    IdFormat(
        "NINO|(?i:national insurance)|NI",
        r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(?:\d\d ?){3}[A-D]",
    ),
    IdFormat("NHS", r"\d{3}[ -]?\d{3}[ -]?\d{4}", nhs.is_valid),
    IdFormat("PPSN?|(?i:personal public service)", r"\d{7}[A-W][A-IW]?", pps.is_valid),
    IdFormat(
        "CPF",
        r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{11}",
        cpf.is_valid,
        r"\d{3}\.\d{3}\.\d{3}-\d{2}",
    ),
    IdFormat("DNI|NIF", r"\d{8}[ -]?[A-HJ-NP-TV-Z]", dni.is_valid),
    IdFormat("NIE", r"[XYZ][ -]?\d{7}[ -]?[A-Z]", nie.is_valid),
    IdFormat("NIF|(?i:contribuinte)", r"\d{3} ?\d{3} ?\d{3}", nif.is_valid),
    IdFormat("(?i:c[ée]dula)", r"\d{10}", ec_ci.is_valid),
    IdFormat("(?i:c[ée]dula)", r"\d{3}-?\d{7}-?\d", cedula.is_valid),
    IdFormat("(?i:c[ée]dula)", r"\d-\d{4}-\d{4}", cr_cpf.is_valid),
    IdFormat("(?i:carn[eé] de identidad)", r"\d{11}", cu_ni.is_valid),
    IdFormat("DNI|CUI", r"\d{8}-[0-9A-K]", pe_cui.is_valid),
    IdFormat("RFC", r"[A-ZÑ&]{4}\d{6}[A-Z0-9]{3}", rfc.is_valid),
    IdFormat("CUI[TL]", r"\d{2}-?\d{8}-?\d", cuit.is_valid),
    IdFormat("RUT|RUN", r"\d{1,2}\.?\d{3}\.?\d{3}-[\dkK]", rut.is_valid),
    IdFormat(
        "CURP",
        r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d",
        curp.is_valid,
        r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d",
    ),
    IdFormat(
        r"NIR|(?i:s[ée]curit[ée] sociale|num[ée]ro de s[ée]cu)|INSEE",
        r"[1-478] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}",
        nir.is_valid,
    ),
    IdFormat(
        "(?i:codice fiscale)|CF",
        r"[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]",
        codicefiscale.is_valid,
        r"[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]",
    ),
    IdFormat(
        r"(?i:steuer-?id(?:entifikationsnummer|entnummer|nr)?|idnr)|IdNr|TIN",
        r"\d{2} ?\d{3} ?\d{3} ?\d{3}",
        idnr.is_valid,
    ),
    IdFormat(
        r"(?i:sozialversicherungsnummer|sv-?(?:nummer|nr\.?)|svnr)", r"\d{4} ?\d{6}", vnr.is_valid
    ),
    IdFormat(
        "(?i:personalausweis(?:nummer|-?nr\\.?)?)", r"[LMNPRTVWXYCFGHJK][0-9A-Z]{8}\d?(?<=\d\d)"
    ),
    IdFormat(
        "AHV(?:-Nr|-Nummer)?|AVS",
        r"756\.?\d{4}\.?\d{4}\.?\d{2}",
        ahv.is_valid,
        r"756\.\d{4}\.\d{4}\.\d{2}",
    ),
    IdFormat("BSN|(?i:burgerservicenummer)", r"\d{4}\.?\d{2}\.?\d{3}", bsn.is_valid),
    IdFormat(
        "(?i:rijksregister(?:nummer)?|registre national)|NISS|INSZ",
        r"\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}",
        nn.is_valid,
        r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}",
    ),
    IdFormat("PESEL", r"\d{11}", pesel.is_valid),
    IdFormat("(?i:dowód osobisty|dowodu osobistego)", r"[A-Z]{3} ?\d{6}"),
    IdFormat("(?i:asmens kodas)", r"[1-6]\d{10}", asmens.is_valid),
    IdFormat("(?i:personas kods)", r"\d{6}-\d{5}|32\d{4}-\d{5}"),
    IdFormat("EMŠO|JMBG|ЈМБГ|ЕМБГ|(?i:matični broj)", r"\d{13}", emso.is_valid),
    IdFormat("(?i:kennitala)", r"\d{6}-?\d{4}", kennitala.is_valid),
    IdFormat("TAJ(?:-?szám)?", r"\d{3}[ -]?\d{3}[ -]?\d{3}"),
    IdFormat("CNP", r"[1-9]\d{12}", cnp.is_valid),
    IdFormat("EGN|ЕГН", r"\d{10}", egn.is_valid),
    IdFormat("OIB", r"\d{11}", oib.is_valid),
    IdFormat("(?i:rodné číslo|rodné č|rč)", r"\d{6}/?\d{3,4}", rc.is_valid),
    IdFormat("(?i:isikukood)", r"\d{11}", ik.is_valid),
    IdFormat("ΑΜΚΑ|AMKA", r"\d{11}", amka.is_valid),
    IdFormat("(?i:personnummer(?:et)?)", r"(?:19|20)?\d{6}[-+]?\d{4}", personnummer.is_valid),
    IdFormat("(?i:f[øö]dselsnummer|personnummer)", r"\d{6} ?\d{5}", fodselsnummer.is_valid),
    IdFormat("(?i:cpr(?:-?nr|-nummer|-?nummer)?)", r"\d{6}-?\d{4}", cpr.is_valid),
    IdFormat("(?i:henkilötunnu(?:s|kseni)|hetu)", r"\d{6}[-+A]\d{3}[0-9A-Y]", hetu.is_valid),
    IdFormat(
        r"(?i:t\.?c\.? ?kimlik|tckn|kimlik)(?i: numara\w*| no)?", r"\d{11}", tckimlik.is_valid
    ),
    IdFormat("(?i:инн)", r"\d{12}", inn.is_valid),
    IdFormat("(?i:снилс)", r"\d{3}-\d{3}-\d{3} \d{2}|\d{11}"),
    IdFormat("(?i:рнокпп|іпн)", r"\d{10}", rntrc.is_valid),
    IdFormat("(?i:aadhaar|aadhar|uidai)|आधार", r"\d{4} ?\d{4} ?\d{4}", aadhaar.is_valid),
    IdFormat("EPIC|(?i:voter id(?: card)?)", r"[A-Z]{3}\d{7}", epic.is_valid),
    IdFormat("CNIC|شناختی کارڈ", r"\d{5}-?\d{7}-?\d", cnic.is_valid),
    IdFormat("PAN|पैन", r"[A-Z]{3}[PCHABGJLFT][A-Z]\d{4}[A-Z]"),
    IdFormat("身份证|身份證|身分證", r"\d{17}[\dXx]", ric.is_valid, r"\d{17}[\dXx]"),
    IdFormat("주민(?:등록번호|번호)?", r"\d{6}-?[1-8]\d{6}", rrn.is_valid, r"\d{6}-[1-8]\d{6}"),
    IdFormat("マイナンバー|個人番号|My Number", r"\d{4}[ -]?\d{4}[ -]?\d{4}", my_number.is_valid),
    IdFormat("NIK|KTP", r"\d{16}", nik.is_valid),
    IdFormat("NRIC|FIN", r"[STFGM]\d{7}[A-Z]"),
    IdFormat("HKID|香港身份證", r"[A-Z]{1,2}\d{6}\(?[0-9A]\)?"),
    IdFormat("NRIC|MyKad|(?i:kad pengenalan)", r"\d{6}-\d{2}-\d{4}", nric.is_valid),
    IdFormat("เลข(?:ประจำตัว|บัตร)ประชาชน", r"\d-?\d{4}-?\d{5}-?\d{2}-?\d", pin.is_valid),
    IdFormat('תעודת זהות|מספר זהות|ת"ז|(?i:teudat zehut)', r"\d{9}", zehut.is_valid),
    IdFormat(
        "(?i:south african id|rsa id|sa id|identity|id) (?:number|no)", r"\d{13}", za_id.is_valid
    ),
    IdFormat(
        r"(?i:passports?|passeport|pasaporte|passaporto|passaporte|reisepass(?:nummer|nr)?|"
        r"pass(?:nummer|-nr)|paspoort(?:nummer)?|paszport\w*|pasaport|pașaport|paspor|hộ chiếu|"
        r"паспорт\w*)|护照|護照|パスポート|旅券|여권|جواز(?: السفر)?|पासपोर्ट",
        r"[A-Z]{0,3}\d{6,9}|[A-Z]\d{2}[A-Z]{2}\d{4}|\d{2} ?\d{2} ?№? ?\d{6}"
        r"|[CFGHJK][0-9CFGHJ-NPRTV-Z]{8}(?<=\d\d)\d?",
    ),
)


_WORDS: Final = "|".join(dict.fromkeys(row.words for row in ID_FORMATS))
_WORD: Final = re.compile(next_to(f"(?P<word>{_WORDS})"))
_DISTINCT_ROWS: Final = [row for row in ID_FORMATS if row.distinct]
_DISTINCT: Final = "|".join(row.distinct for row in _DISTINCT_ROWS)
_ALONE: Final = re.compile(rf"(?<![\w./-])(?<!\d,)(?:{_DISTINCT}){_BOUND}", re.ASCII)


def _after_words(text: str, begins: Sequence[int]) -> Iterator[Span]:
    for word in matches_at(_WORD, text, begins):
        for row in ID_FORMATS:
            if row.word.fullmatch(word["word"]) and (number := row.match(text, word.end())):
                yield number.span()


def _dotted(text: str) -> str:
    """Return a text in which RE2 finds the same words as Python, which takes ı and İ for i."""
    return text.replace("ı", "i").replace("İ", "i")


def _alone(text: str) -> Iterator[Span]:
    for found in _ALONE.finditer(text):
        if counts_goods_or_papers(text, found.start()):
            continue
        for row in _DISTINCT_ROWS:
            if number := row.match(text, found.start()):
                yield number.span()


_GERMAN_PASSPORT: Final = "[CFGHJK][0-9CFGHJ-NPRTV-Z]{6}[0-9]{2}"
"""May have no four digits near each other."""

MASK: Final = Mask(
    "id_number",
    [
        AnchoredForm(
            (
                DIGIT,
                rf"{FOUR_DIGITS[-1]}|{_GERMAN_PASSPORT}",
                rf"(?:^|[^A-Za-z0-9])(?:{_WORDS})[^A-Za-z]",
            ),
            _WORDS,
            _after_words,
            _dotted,
        ),
        Form((*FOUR_DIGITS, _DISTINCT), _alone),
    ],
)
