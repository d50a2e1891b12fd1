"""E-mail addresses, with international names and domains.

Sources: RFC 5321 (form), RFC 6531 (international), RFC 3696 (what is met of what is allowed:
quoted names aren't). There is no list of the 1,400 top-level domains here; the common ones are
named, others need the look of an address.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.curation.rules.cleaning.masks.kind import LETTER, Kind, Span

_ADDRESS: Final = re.compile(
    rf"(?<![{LETTER}0-9_.+%-])"
    rf"(?P<local>[{LETTER}0-9_+](?:[{LETTER}0-9_.+%-]|'(?=[{LETTER}]))*)"
    rf"@(?P<domain>(?:[{LETTER}0-9](?:[{LETTER}0-9-]*[{LETTER}0-9])?\.)+)"
    rf"(?P<top>[{LETTER}]{{2,24}}|xn--[a-z0-9-]{{2,59}})(?![{LETTER}0-9_]|-[{LETTER}0-9])"
)
_AT: Final = r" ?[\[({<] ?at ?[\])}>] ?"
_SPELLED_AT: Final = re.compile(r"[\[({<] ?at ?[\])}>]", re.IGNORECASE)
_DOT: Final = r"(?: ?[\[({<] ?dot ?[\])}>] ?|\.)"
_SPELLED_OUT: Final = re.compile(
    rf"(?<![\w.+-])[\w.+-]+{_AT}[\w-]+(?:{_DOT}[\w-]+)*?{_DOT}[a-z]{{2,24}}(?!\w)",
    re.IGNORECASE | re.ASCII,
)
"""`ada [at] example [dot] org`, as people write it for each other."""
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
"""`git@host:path` is how everyone reaches a repository: the account is nobody's."""
_SCALED_IMAGE: Final = re.compile(r"[1-9]x\.")
"""`icon@2x.png`."""
_CALL: Final = ("(", "[")


def _find(text: str) -> Iterator[Span]:
    spans = [match.span() for match in _ADDRESS.finditer(text) if _is_address(match)]
    if _SPELLED_AT.search(text):
        spans += (match.span() for match in _SPELLED_OUT.finditer(text))
        spans.sort()
    end = 0
    for span in spans:
        if span[0] >= end:
            yield span
            end = span[1]


def _is_address(match: re.Match[str]) -> bool:
    local, domain, top = match["local"], match["domain"], match["top"]
    if local in _SOFTWARE_USERS or _SCALED_IMAGE.match(domain):
        return False
    if not (top.islower() or top.isupper() or top.istitle()):
        return False
    if top.lower() in _COMMON or top.startswith("xn--") or not top.isascii():
        return True
    # What is left could be a product of matrices, of which something is called: `x@w.to(y)`.
    called = match.string[match.end() : match.end() + 1] in _CALL
    if len(top) == len("de"):
        return not called and len(local) + len(domain) > len("x@w.") - 1
    return not called and min(len(local), len(domain) - 1) >= len("abc")


KIND: Final = Kind("email", rf"@|(?i:{_AT})", _find)
