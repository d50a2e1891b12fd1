"""Names and passwords in URLs: `user:password@` before the host, which stays.

Source: RFC 3986, section 3.2.1. Passwords with `@`, `/`'s escapes and other characters that ought
to be escaped are met all the same, so that the last `@` before the path counts.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.curation.rules.cleaning.masks.kind import Kind, Span

_CREDENTIALS: Final = re.compile(r"(?<=://)[^\s:/?#<>\"'`]*:([^\s/\"'`<>]+)@(?=[\w\[%.$<-])")
_VARIABLE: Final = re.compile(
    r"\$\{\w+\}|\$[A-Z_]+|\$[a-z_]+|\$\(.*\)|\{\{?.*\}\}?|%\w+%|%s|\[\w*\]|[*.xX]+|…"
)
"""What stands in the place of a password in instructions and programs."""


def _find(text: str) -> Iterator[Span]:
    for match in _CREDENTIALS.finditer(text):
        if not _VARIABLE.fullmatch(match[1]):
            # Up to the @, which goes on telling that something was there.
            yield match.start(), match.end() - 1


KIND: Final = Kind("url_credentials", r"://[^\s/:]*:[^\s/]+@", _find)
