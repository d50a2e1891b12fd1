"""Names and passwords in URLs: `user:password` before the `@`. The host isn't masked.

Source: RFC 3986, section 3.2.1. Some passwords in use have an `@` or other characters that ought to
be escaped, so credentials end at the last `@` before the path.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.curation.rules.cleaning.masks.mask import Form, Mask, Span
from app.curation.rules.cleaning.masks.secret_assignment import is_example

_CREDENTIALS: Final = re.compile(r"(?<=://)[^\s:/?#<>\"'`]*:([^\s/\"'`<>]+)@(?=[\w\[%.$<-])")
_VARIABLE: Final = re.compile(r"\$[a-z_]+|%\w+%|%s|\[\w*\]|[*.xX]+|…")
"""A placeholder or variable of programs, beside what `is_example` knows."""


def _find(text: str) -> Iterator[Span]:
    for match in _CREDENTIALS.finditer(text):
        if not (_VARIABLE.fullmatch(match[1]) or is_example(match[1])):
            # The @ stays: it shows that credentials were there.
            yield match.start(), match.end() - 1


MASK: Final = Mask("url_credentials", [Form((r"://[^\s/:]*:[^\s/]+@",), _find)])
