"""Private keys in PEM blocks, masked whole.

Source: RFC 7468 for the block; OpenSSH and PGP (RFC 9580) put theirs in the same form, SSH.COM's
with four dashes and a space.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.curation.rules.cleaning.masks.kind import Kind, Span

_BEGIN: Final = re.compile(r"-{4,5} ?BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?) ?-{4,5}")
_KEY_CHARACTERS: Final = re.compile(r"[A-Za-z0-9+/]{16,}")
_LINE: Final = re.compile(
    # Headers, which old blocks and PGP's have; a key; and its last line, which may be short. Lines
    # may be divided as they are in a JSON text, by a backslash and a letter.
    r"(?:\s|\\[nr])*"
    r"(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\n\\]*|[A-Za-z0-9+/]{16,}={0,2}|"
    r"[A-Za-z0-9+/]{1,15}={1,2})"
)
_MIN_KEY_LENGTH: Final = 40
"""Characters in lines of a key at least: an Ed25519 key has 64. What is shorter shows the form."""


def _find(text: str) -> Iterator[Span]:
    rest = 0
    while begin := _BEGIN.search(text, rest):
        following = _BEGIN.search(text, begin.end())
        bound = following.start() if following else len(text)
        end = re.compile(rf"-{{4,5}} ?END {begin[1]} ?-{{4,5}}").search(text, begin.end(), bound)
        if end is None:
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
    while line := _LINE.match(text, end):
        end = line.end()
    return end


KIND: Final = Kind("private_key", r"-BEGIN |- BEGIN ", _find)
