"""Repairs what encodings, terminals and copying broke in texts, and changes nothing else.

White space, quotation marks, ligatures, full-width letters and HTML entities stay: they are
content, and many texts are code. docs/decisions/0021 has the reasons.
"""

import unicodedata
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ftfy.fixes import remove_terminal_escapes

from app.curation.rules.cleaning.columns import AnyByte, changed, matching, replaced
from app.curation.rules.cleaning.mojibake import without_mojibake

_ODD: Final = AnyByte(bytes({*range(0x20), *range(0x7F, 0x100)} - set(b"\t\n")))
"""A text without such a character has nothing to repair; most texts have none."""
_LINE_BREAK: Final = r"\r\n?|[\x{2028}\x{2029}]"
_NONCHARACTERS: Final = "".join(
    rf"\x{{{plane << 16 | 0xFFFE:x}}}\x{{{plane << 16 | 0xFFFF:x}}}" for plane in range(17)
)
_REMOVED: Final = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x{9f}"  # control characters but tab and newline
    r"\x{feff}\x{fff9}-\x{fffc}\x{206a}-\x{206f}"  # unsuitable in texts by Unicode's TR 20
    rf"\x{{fdd0}}-\x{{fdef}}{_NONCHARACTERS}]"
)
_ESCAPE: Final = r"\x1b"
MAYBE_NOT_NFC: Final = r"[^\x{0}-\x{2ff}]"
"""Matches every text that isn't in the form NFC, which lower characters alone always are."""
_MAX_ROUNDS: Final = 8
"""Repairs of a text at most: what is removed can join its neighbours into something to repair."""


def repair(texts: pa.Array) -> pa.Array:
    """Return the texts without mojibake and control characters, in Unicode's form NFC.

    Tab and newline stay; other line breaks become newlines. Repairing a repaired text changes
    nothing. Python code runs only on texts that have more than printable ASCII.
    """
    indices = matching(texts, _ODD)
    for _ in range(_MAX_ROUNDS):
        odd = texts.take(pa.array(indices))
        repaired = _repaired_once(odd)
        is_changed = pc.not_equal(repaired, odd)
        indices = indices[np.asarray(is_changed)]
        if not len(indices):
            break
        texts = replaced(texts, indices, repaired.filter(is_changed))
    return texts


def _repaired_once(texts: pa.Array) -> pa.Array:
    # Before control characters are removed: those of the block C1 show what the encoding was.
    texts = without_mojibake(texts)
    texts = changed(texts, _ESCAPE, remove_terminal_escapes)
    texts = pc.replace_substring_regex(texts, _LINE_BREAK, "\n")
    texts = pc.replace_substring_regex(texts, _REMOVED, "")
    # Not pyarrow's utf8_normalize: in 25.0.1 it decomposes letters when asked for NFC.
    return changed(texts, MAYBE_NOT_NFC, partial(unicodedata.normalize, "NFC"))
