# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
"""Dates of birth, told by the words beside them.

Masked is a date after the words of a form (`Date of birth: 3 May 1987`), and what people say of
their own birth (`I was born on …`) and of their family's (`my son's birthday is …`). When somebody
else was born stays: that is mostly history, and so do dates before 1915, which are those of nobody
alive.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.curation.rules.cleaning.masks.mask import FOUR_DIGITS, Form, Mask, Span
from app.curation.rules.cleaning.masks.words import BEFORE_LENGTH, next_to

_LABELS: Final = (
    r"birth[ _-]?dates?|date[ _-]?of[ _-]?birth|d\.?o\.?b\.?|birth ?day|"
    r"geburts(?:datum|tag)|date de naissance|fecha de nac(?:imiento)?|"
    r"data de nascimento|data di nascita|data urodzenia|data nașterii|geboortedatum|"
    r"f[øö]delsedat(?:o|um)|födelsedag|syntymäaika|datum narození|dátum narodenia|"
    r"születési (?:dátum|idő)|datum rođenja|doğum tarih[iı]m?|tanggal lahir|tarikh lahir|"
    r"ngày sinh|sinh ngày|tarehe ya kuzaliwa|"
    r"дата рождения|день рождения|дата народження|дата на раждане|ημερομηνία γέννησης|"
    r"出生日期|出生年月日?|生日|生年月日|誕生日|생년월일|생일|जन्म ?(?:तिथि|तारीख|दिन)|जन्मतिथि|"
    r"تاريخ (?:الميلاد|الولادة)|تاریخ تولد|תאריך לידה|วันเกิด|วันเดือนปีเกิด|জন্ম ?তারিখ|nascimento"
)
_PARTICIPLES: Final = (
    r"born(?: on)?|geb\.|geboren (?:am|op)|née? le|nat[oa](?: [ai] [\w ]{2,20})? il|ur\.|"
    r"urodzon[ya]|nar\.|narozena?|született|născută? (?:la|pe|în)|född|født(?: den)?|synt\.|"
    r"syntynyt|г\. ?р\.|родена? на|rođena?|lahir(?: tanggal)?|เกิดวันที่|出生于|出生於|生于|生於"
)
"""Words that tell one's own birth where they begin a line; elsewhere they mostly tell another's."""
_OWN: Final = (
    r"i was born(?: on)?|i'm born on|je suis née? le|nací el|"
    r"sono nat[oa] il|nasci (?:em|no dia)|ik ben geboren op|urodził[ea]m się|jag är född(?: den)?|"
    r"я родил(?:ся|ась)|я народи(?:вся|лася)|saya lahir(?: pada)?(?: tanggal)?|tôi sinh ngày|"
    r"yo nací el|nasci a|נולדתי ב-?|γεννήθηκα στις|我生于|我生於"
)
_MONTHS: Final = (
    r"jan(?:uary|uar|vier|eiro)?|feb(?:ruary|ruar)?|f[ée]v(?:rier|ereiro)?|mar(?:ch|s|zo|ço)?|märz|"
    r"apr(?:il|ile)?|avr(?:il)?|abr(?:il)?|may|mai|mei|mayo|maio|maggio|maj|june?|juni?|juin|junio|"
    r"junho|giugno|july?|juli|juillet|julio|julho|luglio|aug(?:ust|ustus)?|août|agosto|ago|"
    r"sept?(?:ember|embre|iembre)?|set(?:embro|tembre)?|o[ck]t(?:ober|obre)?|octubre|outubro|"
    r"ottobre|out|nov(?:ember|embre|iembre|embro)?|de[czs](?:ember|embre|iembre|embro)?|d[ée]cembre|"
    r"dicembre|diciembre|enero|gennaio|janeiro|febrero|febbraio|"
    r"stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|"
    r"grudnia|januari|februari|maart|agustus|desember|maret|ocak|şubat|mart|nisan|mayıs|"
    r"haziran|temmuz|ağustos|eylül|ekim|kasım|aralık|"
    r"январ[ья]|феврал[ья]|марта?|апрел[ья]|ма[йя]|июн[ья]|июл[ья]|августа?|сентябр[ья]|"
    r"октябр[ья]|ноябр[ья]|декабр[ья]|"
    r"січня|лютого|березня|квітня|травня|червня|липня|серпня|вересня|жовтня|листопада|грудня|"
    r"януари|февруари|април|юни|юли|август|септември|октомври|ноември|декември|"
    r"ianuarie|februarie|martie|aprilie|iunie|iulie|septembrie|octombrie|noiembrie|decembrie|"
    r"ledna|února|března|dubna|května|června|července|srpna|září|října|prosince|"
    r"január|február|március|április|május|június|július|augusztus|szeptember|október|"
    r"tammikuuta|helmikuuta|maaliskuuta|huhtikuuta|toukokuuta|kesäkuuta|heinäkuuta|elokuuta|"
    r"syyskuuta|lokakuuta|marraskuuta|joulukuuta|"
    r"ιανουαρίου|φεβρουαρίου|μαρτίου|απριλίου|μαΐου|ιουνίου|ιουλίου|αυγούστου|σεπτεμβρίου|"
    r"οκτωβρίου|νοεμβρίου|δεκεμβρίου|"
    r"يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر|"
    r"ינואר|פברואר|במרץ|אפריל|במאי|יוני|יולי|אוגוסט|ספטמבר|אוקטובר|נובמבר|דצמבר|"
    r"जनवरी|फरवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|अक्टूबर|नवंबर|दिसंबर|"
    r"มกราคม|กุมภาพันธ์|มีนาคม|เมษายน|พฤษภาคม|มิถุนายน|กรกฎาคม|สิงหาคม|กันยายน|ตุลาคม|"
    r"พฤศจิกายน|ธันวาคม"
)
_YEAR: Final = r"(?:191[5-9]|19[2-9]\d|20\d\d|24[6-9]\d|25[0-6]\d)"
"""From 1915 on, also by the Buddhist calendar of Thailand."""
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_DATE: Final = (
    rf"(?:{_YEAR}[-/.]\s?{_MONTH}[-/.]\s?{_DAY}"
    rf"|(?:{_DAY}[-/.]\s?{_MONTH}|{_MONTH}[-/.]\s?{_DAY})[-/.]\s?(?:{_YEAR}|\d\d)"
    rf"|{_DAY}(?:st|nd|rd|th|er|º|\.)?[ -](?:de |of )?(?:{_MONTHS})\.?,?[ -](?:del? )?{_YEAR}"
    rf"|(?:{_MONTHS})\.? {_DAY}(?:st|nd|rd|th)?,? {_YEAR}"
    rf"|{_YEAR}[-. ]{{1,2}}(?:{_MONTHS})\.?[- ]{_DAY}\.?"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    rf"|{_YEAR}\s?[年년]\s?{_MONTH}\s?[月월]\s?{_DAY}\s?[日일]?)(?!\d)"
)
_BIRTH: Final = re.compile(
    rf"{next_to(f'{_LABELS}|{_OWN}')}(?P<date>{_DATE})"
    rf"|(?<!\w)ich (?:bin|wurde) am (?P<own>{_DATE})(?=[ ,]{{1,2}}(?:in [\w-]{{1,30}} )?geboren)"
    rf"|(?:(?<![^\n:;|])|(?<=[\n:;|] ))(?:{next_to(_PARTICIPLES)}(?P<form>{_DATE})"
    rf"|(?P<before>{_DATE})(?=生まれ|생(?:입니다|이에요)))",
    re.IGNORECASE,
)
_OF_ANOTHER: Final = re.compile(
    r"(?P<whose>[^.!?\n]*)['\u2019]s (?:birth ?da(?:y|te)|date of birth)\W+(?:is|was)\b"
    r"[^.\n]{0,30}\Z",
    re.IGNORECASE,
)
_KIN: Final = re.compile(r"\b(?:my|our)\b", re.IGNORECASE)
"""Makes another person one of the speaker's own, who may be nobody known."""


def _find(text: str) -> Iterator[Span]:
    for match in _BIRTH.finditer(text):
        before = max(match.start() - BEFORE_LENGTH, 0)
        other = _OF_ANOTHER.search(text, before, match.end())
        if other is None or _KIN.search(other["whose"]):
            yield match.span(match.lastgroup or 0)


_HINTS: Final = (
    r"(?:19|2[0456])[0-9]{2}|[0-9][-/.]\s?[0-9]{1,2}[-/.]",
    rf"(?:^|[^A-Za-z0-9])(?i:{_LABELS}|{_OWN}|{_PARTICIPLES})[^A-Za-z]"
    r"|(?i:geboren)|生まれ|생(?:입니다|이에요)",
)

MASK: Final = Mask("birth_date", [Form((*FOUR_DIGITS, *_HINTS), _find)])
