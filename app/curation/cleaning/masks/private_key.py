"""Private keys in PEM blocks, masked whole.

Source: RFC 7468 for the block; OpenSSH and PGP (RFC 9580) put theirs in the same form, SSH.COM's
with four dashes and a space.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.curation.cleaning.masks.kind import Kind, Span

_BEGIN: Final = re.compile(r"-{4,5} ?BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?) ?-{4,5}")
_ESCAPED_BREAK: Final = r"\\[nr]"
"""A line break as it is in a JSON or a string of a program."""
_BODY: Final = re.compile(rf"(?:[\w+/=:,.\-\"' \t\n]|{_ESCAPED_BREAK})*", re.ASCII)
_KEY_CHARACTERS: Final = re.compile(r"[A-Za-z0-9+/]{16,}")
_MIN_KEY_LENGTH: Final = 40
"""Characters in lines of a key at least: an Ed25519 key has 64. What is shorter shows the form."""


def _find(text: str) -> Iterator[Span]:
    rest = 0
    while begin := _BEGIN.search(text, rest):
        end = re.compile(rf"-{{4,5}} ?END {begin[1]} ?-{{4,5}}").search(text, begin.end())
        following = _BEGIN.search(text, begin.end())
        if end is None or (following is not None and following.start() < end.start()):
            # A block that was cut off is a key all the same, as far as it goes.
            rest = _end_of_body(text, begin.end())
            body = text[begin.end() : rest]
        else:
            rest = end.end()
            body = text[begin.end() : end.start()]
        if sum(map(len, _KEY_CHARACTERS.findall(body))) >= _MIN_KEY_LENGTH:
            yield begin.start(), rest


def _end_of_body(text: str, begin: int) -> int:
    """Return where the last line ends that looks like one of a key, after a block's beginning."""
    end = begin
    lines = re.compile(r"(?:\s|\\[nr])*(?:[A-Za-z][\w-]*: [^\n]*|[A-Za-z0-9+/=]{16,})", re.ASCII)
    while line := lines.match(text, end):
        end = line.end()
    tail = re.compile(r"(?:\s|\\[nr])*[A-Za-z0-9+/]*={1,2}").match(text, end)
    return tail.end() if tail else end


KIND: Final = Kind("private_key", r"-BEGIN |- BEGIN ", _find)
