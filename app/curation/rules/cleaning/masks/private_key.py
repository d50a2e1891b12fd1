"""Private keys in PEM blocks. The whole block is masked.

Source: RFC 7468. OpenSSH and PGP (RFC 9580) use the same form; SSH.COM writes four dashes and a
space.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.curation.rules.cleaning.masks.mask import Form, Mask, Span

_BEGIN: Final = re.compile(r"-{4,5} ?BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?) ?-{4,5}")
_KEY_CHARACTERS: Final = re.compile(r"[A-Za-z0-9+/]{16,}")
_LINE: Final = re.compile(
    # Headers, which old blocks and those of PGP have; a line of the key; its last line, which may
    # be short. In a JSON text, lines are divided by a backslash and a letter.
    r"(?:\s|\\[nr])*"
    r"(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\n\\]*|[A-Za-z0-9+/]{16,}={0,2}|"
    r"[A-Za-z0-9+/]{1,15}={1,2})"
)
_MIN_KEY_LENGTH: Final = 40
"""Characters of a key at least: an Ed25519 key has 64. A shorter one only shows the form."""


def _find(text: str) -> Iterator[Span]:
    rest = 0
    while begin := _BEGIN.search(text, rest):
        following = _BEGIN.search(text, begin.end())
        bound = following.start() if following else len(text)
        end = re.compile(rf"-{{4,5}} ?END {begin[1]} ?-{{4,5}}").search(text, begin.end(), bound)
        if end is None:
            # A block that was cut off still holds a part of the key.
            rest = _end_of_body(text, begin.end())
            body = text[begin.end() : rest]
        else:
            rest = end.end()
            body = text[begin.end() : end.start()]
        if sum(map(len, _KEY_CHARACTERS.findall(body))) >= _MIN_KEY_LENGTH:
            yield begin.start(), rest


def _end_of_body(text: str, begin: int) -> int:
    """Return where the lines end that look like lines of a key, from `begin` on."""
    end = begin
    while line := _LINE.match(text, end):
        end = line.end()
    return end


MASK: Final = Mask("private_key", [Form((r"-BEGIN |- BEGIN ",), _find)])
