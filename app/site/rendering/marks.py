"""Characters that show nothing, or change how other text is shown, written out.

A stranger's text may hide words in characters without a shape, or turn the order of what is around
it. Such characters are replaced by their code points, as `⟦U+202E⟧`. What letters and emoji need to
be shown rightly stays: a joiner between two of them, and variation selectors.
"""

import re
from typing import Final

_CONTROLS: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
"""All but the tabulator and the line feed."""
_DIRECTIONS: Final = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Unicode Standard Annex #9, section 2."""
_WITHOUT_SHAPE: Final = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2028\u2029\u2060-\u2065"
    r"\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Default_Ignorable_Code_Point of the Unicode Character Database, without those that fonts need."""
_JOINERS: Final = r"\u200c\u200d"
_JOINS_NOTHING: Final = (
    rf"[{_JOINERS}](?![^\x00-\x7f{_JOINERS}])|(?<![^\x00-\x7f{_JOINERS}])[{_JOINERS}]"
)
_HIDDEN: Final = re.compile(f"[{_CONTROLS}{_DIRECTIONS}{_WITHOUT_SHAPE}]|{_JOINS_NOTHING}")


def visible(text: str) -> str:
    """Return a text with each character that can't be seen replaced by its code point.

    Line breaks of every kind are line feeds afterwards.
    """
    return _HIDDEN.sub(_code_point, text.replace("\r\n", "\n").replace("\r", "\n"))


def brief(text: str, characters: int) -> str:
    """Return the beginning of a text, as `visible` writes it.

    A stranger may have written megabytes, of which no more is looked at than is shown.

    Args:
        text: The text.
        characters: The length at which it is cut.
    """
    shown = visible(text[:characters])
    is_cut = max(len(text), len(shown)) > characters
    return f"{shown[:characters]}…" if is_cut else shown


def _code_point(found: re.Match[str]) -> str:
    return f"⟦U+{ord(found[0]):04X}⟧"
