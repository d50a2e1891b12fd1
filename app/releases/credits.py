"""`CREDITS.md`: who asked to be credited, and for how much."""

import unicodedata
from collections.abc import Mapping
from typing import Final

CREDITS_FILE: Final = "CREDITS.md"

_MAX_NAME: Final = 200
"""Characters of a name that are shown."""
_UNSEEN: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
# They turn the direction of the text that follows: one name could disguise another.
_TURNING: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_WORD_JOINER: Final = "&#8288;"


def encode_credits(name: str, credited: Mapping[str, int], anonymous: int) -> bytes:
    """Return the page.

    Args:
        name: The release's name.
        credited: How many contributions there are by each name, which anyone may have chosen.
        anonymous: How many came without a name.
    """
    lines = [
        f"# Credits of {name}",
        "",
        "Conversations in this release by those who asked to be credited. Thank you.",
        "",
        *(
            f"- {shown(each)}: {rows}"
            for each, rows in sorted(credited.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
        *([""] if credited else []),
        f"Contributed without a name to credit: {anonymous}",
    ]
    return ("\n".join(lines) + "\n").encode()


def shown(text: str) -> str:
    """Return text so that Markdown and HTML show it, and read nothing into it.

    Every ASCII character but letters, digits and spaces becomes a numeric character reference,
    which CommonMark doesn't read as structure: https://spec.commonmark.org/0.31.2/#entity-and-numeric-character-references
    Sites also link addresses and mentions in the text that comes of it: what follows an `@`, or
    the dot of `www.`, is held apart by a character without width.
    """
    kept = "".join(each for each in text if _is_shown(each))[:_MAX_NAME]
    return "".join(_encoded(each) for each in " ".join(kept.split()))


def _is_shown(character: str) -> bool:
    return unicodedata.category(character) not in _UNSEEN and character not in _TURNING


def _encoded(character: str) -> str:
    if not character.isascii() or character.isalnum() or character == " ":
        return character
    joiner = _WORD_JOINER if character in "@:." else ""
    return f"&#{ord(character)};{joiner}"
