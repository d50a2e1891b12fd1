"""The language of a conversation, by CLD2: Chromium's Compact Language Detector.

Source: https://github.com/CLD2Owners/cld2, with its names of languages.
"""

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pycld2

from app.curation.rules.cleaning.masks.order import KINDS

UNDETERMINED: Final = "und"
"""ISO 639-2's code for a language that isn't known."""
_MAX_CHARACTERS: Final = 1500
"""What is looked at of a conversation: its language shows long before."""
_NO_LANGUAGE: Final = (
    r"(?s)```.*?(?:```|\z)|`[^`\n]*`|https?://[^\s]*|<(?:"
    + "|".join(kind.placeholder.strip("<>") for kind in KINDS)
    + ")>"
)
"""Code, addresses and placeholders: mostly English, whatever is spoken."""
_RENAMED: Final = {"iw": "he", "jw": "jv", "in": "id", "mo": "ro"}
"""Codes of CLD2 that ISO 639 has withdrawn."""
_CODE: Final = re.compile(r"([a-z]{2,3})(?:-[A-Za-z]+)?")
_INVENTED: Final = frozenset({"un", "xx", "xxx", "zzb", "zze", "zzh", "zzp"})
"""CLD2's code for no language, for scripts alone, and for jokes such as pig latin."""
_UNRELIABLE: Final = 0.5


def languages(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the ISO 639 codes of the languages of texts, or `und`, and the confidence in each.

    Confidence is the share of the text that is in the language, 0 to 1; half of it where CLD2
    calls its own answer unreliable; 0 for `und`.
    """
    spoken = pc.replace_substring_regex(texts, _NO_LANGUAGE, " ")
    shortened = pc.utf8_slice_codeunits(spoken, 0, _MAX_CHARACTERS)
    named = [_language(text) for text in shortened.cast(pa.large_binary()).to_pylist()]
    codes = pa.array([code for code, _ in named], pa.large_string())
    return codes, pa.array(np.array([confidence for _, confidence in named], np.float64))


def _language(text: bytes) -> tuple[str, float]:
    try:
        reliable, _, details = pycld2.detect(text, isPlainText=True)
    except pycld2.error:
        # It refuses some characters that UTF-8 allows, such as those without a meaning as yet.
        printable = "".join(char for char in text.decode() if char.isprintable() or char in "\n\t")
        try:
            reliable, _, details = pycld2.detect(printable.encode(), isPlainText=True)
        except pycld2.error:
            return UNDETERMINED, 0.0
    _, name, percent, _ = details[0]
    code = _CODE.fullmatch(name)
    if code is None or code[1] in _INVENTED:
        return UNDETERMINED, 0.0
    share = percent / 100
    return _RENAMED.get(code[1], code[1]), share if reliable else share * _UNRELIABLE
