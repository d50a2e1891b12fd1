# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
"""E-mail addresses, with international names and domains.

Sources: RFC 5321 for the form, RFC 6531 for international addresses, RFC 3696 for which allowed
forms are in use; quoted names aren't. The module lists the common ones of 1,400 top-level domains.
An address of another domain is told by its length and what follows it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from app.curation.rules.cleaning.columns import first_bytes
from app.curation.rules.cleaning.masks.mask import (
    LETTER,
    AnchoredForm,
    Form,
    Mask,
    Span,
    matches_at,
)

_ADDRESS: Final = re.compile(
    rf"(?<![{LETTER}0-9_.+%-])"
    # A search begins anew after each apostrophe, so that a local part of any number of them would
    # be read as often.
    rf"(?P<local>[{LETTER}0-9_+][{LETTER}0-9_.+%-]*(?:'(?=[{LETTER}])[{LETTER}0-9_.+%-]*){{0,3}})"
    rf"[@\uff20](?P<domain>(?:[{LETTER}0-9](?:[{LETTER}0-9-]*[{LETTER}0-9])?\.)+)"
    rf"(?P<top>[{LETTER}]{{2,24}}|xn--[a-z0-9-]{{2,59}})(?![{LETTER}0-9_]|-[{LETTER}0-9])"
)
_BRACKETED_AT: Final = r"[\[({<] ?(?:at|ät|arroba|arobase|@) ?[\])}>]"
_DOT: Final = r"(?: ?[\[({<] ?(?:dot|punkt|punto|ponto|point|\.) ?[\])}>] ?|\.)"
_COUNTRY: Final = r"[a-z]{2}(?!\w)"
"""A second ending, as of `com dot br`, which belongs to the address."""
_SPELLED_OUT: Final = re.compile(
    rf"(?<![\w.+-])[\w.+-]+ ?{_BRACKETED_AT} ?[\w-]+(?:{_DOT}[\w-]+)*?{_DOT}[a-z]{{2,24}}(?!\w)"
    rf"(?!{_DOT}{_COUNTRY})",
    re.IGNORECASE | re.ASCII,
)
"""An address spelled out for people: `ada [at] quillmere [dot] net`."""
_DOTS: Final = (
    "dot|punkt|punto|ponto|point|punt|kropka|tečka|bodka|pont|piste|nokta|punktum|точка|крапка|"
    "τελεία|נקודה"
)
_DOT_WORD: Final = rf" (?:{_DOTS}) "
# RE2 would stop at each of the spaces that all forms begin with, and take three times as long.
_DOT_HINT: Final = rf"(?i:[ \t](?:{_DOTS}) )"
_SAID_AT: Final = (
    "at|ät|arroba|arobase|chiocciola|собака|равлик|małpa|apenstaartje|klammeraffe|snabel-a|zavináč|"
    "kukac|miukumauku|παπάκι|שטרודל"
)
_SAID: Final = re.compile(
    rf"(?<![\w.+-])(?P<local>[\w+-]{{1,64}}(?:(?:\.|{_DOT_WORD})[\w+-]{{1,64}}){{0,3}}) "
    rf"(?P<at>{_SAID_AT}) "
    rf"(?P<domain>[\w-]{{1,63}}(?:(?:\.|{_DOT_WORD})[\w-]{{1,63}}){{0,3}}?){_DOT_WORD}"
    rf"(?P<top>[a-z]{{2,12}}|ру|рф)(?!\w)(?!{_DOT_WORD}{_COUNTRY})",
    re.IGNORECASE,
)
"""An address as people say it: `ada at quillmere dot net`."""
_SAID_DOMAIN: Final = rf"(?i: (?:{_SAID_AT}) \S+(?:{_DOT_WORD}\S+){{0,3}}?{_DOT_WORD})"
_PREPOSITIONS: Final = frozenset({"at", "ät"})
_MAIL_BEFORE: Final = re.compile(
    r"(?:e-?mails?|mailed|contact|reach|write|send|address|adresse|adres|correo)\b[^.!?\n]{0,30}\Z",
    re.IGNORECASE,
)
_PROVIDER: Final = re.compile(
    r"(?:gmail|googlemail|yahoo|hotmail|outlook|live|icloud|proton(?:mail)?|gmx|web|aol|mail|yandex|"
    r"qq|163|zoho|fastmail|posteo)\b",
    re.IGNORECASE,
)
_OTHER_LETTER: Final = (
    r"\u0530-\u060b\u060d-\u061a\u0620-\u06d3\u06d5-\u0963\u0966-\u0e4e\u0e50-\u1fff"
    r"\u3041-\u30fa\u30fc-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
)
"""Letters and marks of scripts that `LETTER` doesn't have."""
_HAS_OTHER_LETTER: Final = re.compile(rf"[{_OTHER_LETTER}]")
_OTHER_SCRIPT: Final = re.compile(
    rf"(?:(?<![{LETTER}{_OTHER_LETTER}0-9_.+%-])[{_OTHER_LETTER}][{_OTHER_LETTER}0-9_.+-]{{0,63}}"
    rf"|(?<![{LETTER}0-9_.+%-])[{LETTER}0-9_+][{LETTER}0-9_.+-]{{0,63}})"
    rf"[@\uff20](?P<domain>(?:[{LETTER}{_OTHER_LETTER}0-9-]{{1,63}}\.){{1,4}})"
    r"(?P<top>中国|中國|公司|网络|網絡|网址|在线|中文网|商城|网店|香港|台湾|台灣|新加坡|みんな|コム|ネット|"
    r"한국|닷컴|닷넷|삼성|भारत|कॉम|नेट|संगठन|বাংলা|ভারত|இந்தியா|இலங்கை|భారత్|ಭಾರತ|ไทย|คอม|"
    r"السعودية|امارات|مصر|المغرب|الجزائر|تونس|الاردن|فلسطين|قطر|موقع|شبكة|كوم|ایران|پاکستان|بھارت|"
    r"ישראל|קום|გე|հայ|рф|срб|укр|бел|мкд|қаз|бг|сайт|онлайн|орг|москва|дети|ком|ελ|ευ|ею|"
    rf"[a-z]{{2,24}})(?![{LETTER}0-9_])"
)
"""An address of which a part is in a script without spaces, Arabic, or the like."""
_RESERVED: Final = re.compile(
    r"(?:.*\.)?example\.(?:com|net|org)|.*\.(?:test|example|invalid|localhost)", re.IGNORECASE
)
"""Domains of RFC 2606, which stand for any domain in documentation."""
_COMMON_NAMES: Final = (
    "com org net edu gov mil int info biz name pro mobi jobs travel museum aero coop asia cat tel "
    "app dev xyz online site website store shop tech cloud email mail live life world today club "
    "blog news media agency company solutions digital studio design systems network group "
    "academy university school health care legal law finance bank money chat social page wiki "
    "space fun top vip work icu earth global international foundation ngo ong berlin london nyc "
    "paris tokyo wien hamburg koeln amsterdam eus gal swiss"
)
_COMMON: Final = frozenset(_COMMON_NAMES.split())
_SOFTWARE_USERS: Final = frozenset({"git", "hg", "svn"})
"""Accounts of no person: everyone reaches a repository as `git@host:path`."""
_SCALED_IMAGE: Final = re.compile(r"[1-9]x\.")
"""As in `icon@2x.png`."""
_PASSWORD_BEFORE: Final = re.compile(r"://[^\s/@]*:\Z")
"""Makes what looks like an address a password and a host of a URL."""
_MAX_NAME_LENGTH: Final = 100
"""Characters of a name in a URL, with what is before it."""
_COUNTRY_LENGTH: Final = 2
"""Characters of a country's top-level domain."""
_MIN_NAME_LENGTH: Final = 3
"""Characters of names that are no variables of a program, beside a rare top-level domain."""
_CALL: Final = ("(", "[")
"""Begins the arguments of a function, or an index."""


def _found_by(
    pattern: re.Pattern[str], is_address: Callable[[re.Match[str]], bool] = bool
) -> Callable[[str], Iterator[Span]]:
    """Return a function that yields the places of addresses in a text.

    Args:
        pattern: Matches every address, and other things.
        is_address: Tells whether a match is one.
    """
    return lambda text: (match.span() for match in pattern.finditer(text) if is_address(match))


def _found_at(
    pattern: re.Pattern[str], is_address: Callable[[re.Match[str]], bool]
) -> Callable[[str, Sequence[int]], Iterator[Span]]:
    """Return the function of an `AnchoredForm`, as that of `_found_by`."""
    return lambda text, begins: (
        match.span() for match in matches_at(pattern, text, begins) if is_address(match)
    )


def _is_other(match: re.Match[str]) -> bool:
    return _HAS_OTHER_LETTER.search(match[0]) is not None and not _RESERVED.fullmatch(
        match["domain"] + match["top"]
    )


def _is_said_address(match: re.Match[str]) -> bool:
    """Tell whether words with `at` and `dot` in them are an address, and not about a website."""
    if match["top"].lower() not in _COMMON and len(match["top"]) != _COUNTRY_LENGTH:
        return False
    return (
        match["at"].lower() not in _PREPOSITIONS
        or (match["at"].isupper() and " DOT " in match[0] and not match["local"].isupper())
        or re.search(r"[.\d_]", match["local"]) is not None
        or _PROVIDER.match(match["domain"]) is not None
        or _MAIL_BEFORE.search(match.string, 0, match.start()) is not None
    )


def _is_address(match: re.Match[str]) -> bool:
    local, domain, top = match["local"], match["domain"], match["top"]
    if _RESERVED.fullmatch(domain + top):
        return False
    if (
        local in _SOFTWARE_USERS
        or _SCALED_IMAGE.match(domain)
        or _PASSWORD_BEFORE.search(
            match.string, max(match.start() - _MAX_NAME_LENGTH, 0), match.start()
        )
    ):
        return False
    if not (top.islower() or top.isupper() or top.istitle()):
        return False
    if top.lower() in _COMMON or top.startswith("xn--") or not top.isascii():
        return True
    # It may be a product of matrices with a call of a method: `x@w.to(y)`.
    called = match.string[match.end() : match.end() + 1] in _CALL
    if len(top) == _COUNTRY_LENGTH:
        return not called and len(local) + len(domain) - 1 >= _MIN_NAME_LENGTH
    return not called and min(len(local), len(domain) - 1) >= _MIN_NAME_LENGTH


_UNTIL_AT: Final = r"[^\s@\x{ff20}]+[@\x{ff20}]"
_HAS_AT: Final = (first_bytes("@\uff20"), r"[@\x{ff20}]")

MASK: Final = Mask(
    "email",
    [
        AnchoredForm(_HAS_AT, _UNTIL_AT, _found_at(_ADDRESS, _is_address)),
        AnchoredForm((*_HAS_AT, r"[^\x00-\x7f]"), _UNTIL_AT, _found_at(_OTHER_SCRIPT, _is_other)),
        Form((first_bytes("[({<"), rf"(?i:{_BRACKETED_AT})"), _found_by(_SPELLED_OUT)),
        Form((_DOT_HINT, _SAID_DOMAIN), _found_by(_SAID, _is_said_address)),
    ],
)
