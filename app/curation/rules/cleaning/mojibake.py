"""Repairs mojibake: texts that were decoded with another encoding than they were written in.

ftfy repairs them. Its own check for mojibake takes half a microsecond for each character, more than
all the rest of cleaning, so a regular expression of RE2 first finds the texts that may have any.
"""

import re
from typing import Final

import pyarrow as pa
from ftfy import TextFixerConfig, fix_text
from ftfy.badness import is_bad

from app.curation.rules.cleaning.columns import changed

_MOJIBAKE: Final = TextFixerConfig(
    # Not mojibake: HTML entities are content where a conversation is about HTML, and the others are
    # typography.
    unescape_html=False,
    uncurl_quotes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    # `text.repair` does these for every text, not only for one with mojibake.
    remove_terminal_escapes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization=None,
    explain=False,
)


def _class(*characters: str) -> str:
    """Return these characters as the inside of a character class of RE2."""
    return "".join(rf"\x{{{ord(character):x}}}" for character in "".join(characters))


_LATIN: Final = [chr(code) for code in range(0xC0, 0x180) if chr(code).isalpha()]
_LOWER: Final = _class(*filter(str.islower, _LATIN))
_UPPER: Final = _class(*(letter for letter in _LATIN if not letter.islower()))
_SYMBOLS: Final = (
    r"\x{a1}-\x{ac}\x{ae}-\x{b3}\x{b5}\x{b6}\x{b8}-\x{bf}\x{d7}\x{f7}\x{192}\x{2c6}-\x{2dd}"
    r"\x{384}\x{385}\x{490}\x{491}\x{2018}\x{201a}-\x{2025}\x{2027}-\x{2044}\x{20a7}\x{20ac}"
    r"\x{2116}\x{2122}\x{2202}-\x{2265}\x{2310}\x{2500}-\x{25ca}\x{f8ff}\x{fb01}\x{fb02}\x{fffd}"
)
_TYPOGRAPHY: Final = r"\x{a0}\x{ad}\x{b4}\x{b7}\x{2013}-\x{2015}\x{2019}\x{2026}"
_GREEK_AND_CYRILLIC: Final = r"\x{370}-\x{4ff}"
MAYBE_MOJIBAKE: Final = (
    rf"[{_SYMBOLS}][{_SYMBOLS}{_UPPER}{_LOWER}]"
    rf"|[{_UPPER}{_LOWER}{_GREEK_AND_CYRILLIC}][{_SYMBOLS}{_UPPER}]"
    rf"|[ÂÃÎÐØÙ][œšž{_TYPOGRAPHY}]"
    r"|[\x{80}-\x{9f}]|[Œœ][^A-Za-z]|[ÂÃ] |вЂ|ГўВЂ|√\x{b4}"
)
"""Matches every text that ftfy takes for mojibake, and few others: it has pairs of characters that
bytes of UTF-8 become in another encoding."""


_LINE_BEYOND_ASCII: Final = re.compile(r"^[\x00-\t\v-\x7f]*[^\x00-\x7f].*\n?", re.MULTILINE)


def without_mojibake(texts: pa.Array) -> pa.Array:
    """Return the texts with mojibake repaired."""
    return changed(texts, MAYBE_MOJIBAKE, _repaired)


def _repaired(text: str) -> str:
    # ftfy repairs line by line, and takes a tenth of a millisecond even for one without mojibake.
    return _LINE_BEYOND_ASCII.sub(_repaired_line, text) if is_bad(text) else text


def _repaired_line(line: re.Match[str]) -> str:
    return fix_text(line[0], _MOJIBAKE) if is_bad(line[0]) else line[0]
