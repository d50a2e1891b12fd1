"""E-mail addresses, with international names and domains.

Sources: RFC 5321 for the form, RFC 6531 for international addresses, RFC 3696 for which allowed
forms are in use; quoted names aren't. The module lists the common ones of 1,400 top-level domains.
An address of another domain is told by its length and what follows it.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.curation.rules.cleaning.masks.mask import LETTER, Mask, Span, without_overlaps

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
"""An address spelled out for people: `ada [at] example [dot] org`."""
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
_CALL: Final = ("(", "[")
"""Begins the arguments of a function, or an index."""


def _find(text: str) -> Iterator[Span]:
    spans = [match.span() for match in _ADDRESS.finditer(text) if _is_address(match)]
    if _SPELLED_AT.search(text):
        spans += (match.span() for match in _SPELLED_OUT.finditer(text))
    yield from without_overlaps(spans)


def _is_address(match: re.Match[str]) -> bool:
    local, domain, top = match["local"], match["domain"], match["top"]
    if local in _SOFTWARE_USERS or _SCALED_IMAGE.match(domain):
        return False
    if not (top.islower() or top.isupper() or top.istitle()):
        return False
    if top.lower() in _COMMON or top.startswith("xn--") or not top.isascii():
        return True
    # It may be a product of matrices with a call of a method: `x@w.to(y)`.
    called = match.string[match.end() : match.end() + 1] in _CALL
    if len(top) == len("de"):
        return not called and len(local) + len(domain) > len("x@w.") - 1
    return not called and min(len(local), len(domain) - 1) >= len("abc")


MASK: Final = Mask("email", rf"@|(?i:{_AT})", _find)
