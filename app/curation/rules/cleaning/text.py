"""Texts repaired: what encodings, terminals and copying broke, and nothing else.

What a text says, and how it is typeset, stays: white space, quotation marks, ligatures, full-width
letters and HTML entities are content, and much of it is code. docs/decisions/0021 has the reasons.
"""

import unicodedata
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from ftfy.fixes import remove_terminal_escapes

from app.curation.rules.cleaning.columns import changed, matching, replaced
from app.curation.rules.cleaning.mojibake import decoded

_ODD: Final = r"[^\t\n\x20-\x7e]"
"""What sets a text apart from the usual one, which has nothing to repair."""
_LINE_BREAK: Final = r"\r\n?|[\x{2028}\x{2029}]"
_NONCHARACTERS: Final = "".join(
    rf"\x{{{plane << 16 | 0xFFFE:x}}}\x{{{plane << 16 | 0xFFFF:x}}}" for plane in range(17)
)
_DROPPED: Final = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x{9f}"  # control characters but tab and newline
    r"\x{feff}\x{fff9}-\x{fffc}\x{206a}-\x{206f}"  # unsuitable in texts, as Unicode's TR 20 says
    rf"\x{{fdd0}}-\x{{fdef}}{_NONCHARACTERS}]"
)
_ESCAPE: Final = r"\x1b"
_MAYBE_NOT_NFC: Final = r"[^\x{0}-\x{2ff}]"
"""What is in each text that isn't in the form NFC: its quick check says yes to what is below."""
_MAX_ROUNDS: Final = 8
"""Repairs of a text: what one removes can join what surrounded it into something to repair."""


def repair(texts: pa.Array) -> pa.Array:
    """Return texts without mojibake and control characters, in Unicode's form NFC.

    Tab and newline stay; other line breaks become newlines. A text that was repaired is returned
    as it is, and so is one in plain ASCII, without a step in Python.
    """
    places = matching(texts, _ODD)
    if not len(places):
        return texts
    odd = texts.take(pa.array(places))
    for _ in range(_MAX_ROUNDS):
        before, odd = odd, _repaired_once(odd)
        if odd.equals(before):
            break
    return replaced(texts, places, odd)


def _repaired_once(texts: pa.Array) -> pa.Array:
    # Before control characters go: those of the block C1 tell what the encoding was.
    texts = decoded(texts)
    texts = changed(texts, _ESCAPE, remove_terminal_escapes)
    texts = pc.replace_substring_regex(texts, _LINE_BREAK, "\n")
    texts = pc.replace_substring_regex(texts, _DROPPED, "")
    # Not pyarrow's utf8_normalize: in 25.0.1 it decomposes letters when asked for NFC.
    return changed(texts, _MAYBE_NOT_NFC, partial(unicodedata.normalize, "NFC"))
