"""Detects the language of a conversation with CLD2, Chromium's Compact Language Detector.

Source: https://github.com/CLD2Owners/cld2, also for its codes of languages.
"""

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pycld2

from app.curation.rules.cleaning.masks.order import MASKS

UNDETERMINED: Final = "und"
"""The code of ISO 639-2 for a language that isn't known."""
_MAX_CHARACTERS: Final = 1500
"""Only the beginning of a conversation is read, which shows its language."""
_NOT_PROSE: Final = (
    r"(?s)```.*?(?:```|\z)|`[^`\n]*`|https?://[^\s]*|<(?:"
    + "|".join(mask.placeholder.strip("<>") for mask in MASKS)
    + ")>"
)
"""Code, URLs and placeholders: they look like English in a conversation of any language."""
_CURRENT_CODES: Final = {"iw": "he", "jw": "jv", "in": "id", "mo": "ro"}
"""The current code of ISO 639 for each withdrawn one that CLD2 returns."""
_CODE: Final = re.compile(r"([a-z]{2,3})(?:-[A-Za-z]+)?")
_NOT_LANGUAGES: Final = frozenset({"un", "xx", "xxx", "zzb", "zze", "zzh", "zzp"})
"""Codes of CLD2 for no language, for a script alone, and for jokes such as pig latin."""
_UNRELIABLE: Final = 0.5
"""Factor of the confidence in an answer that CLD2 itself calls unreliable."""


def languages(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Detect the language of each text.

    Returns:
        The ISO 639 codes of the languages, `und` where none is found; and the confidence in each,
        from 0 to 1. Confidence is the share of the text that is in the language, half of that where
        CLD2 calls its answer unreliable, and 0 for `und`.
    """
    prose = pc.replace_substring_regex(texts, _NOT_PROSE, " ")
    shortened = pc.utf8_slice_codeunits(prose, 0, _MAX_CHARACTERS)
    detected = [_language(text) for text in shortened.cast(pa.large_binary()).to_pylist()]
    codes = pa.array([code for code, _ in detected], pa.large_string())
    return codes, pa.array(np.array([confidence for _, confidence in detected], np.float64))


def _language(text: bytes) -> tuple[str, float]:
    try:
        reliable, _, details = pycld2.detect(text, isPlainText=True)
    except pycld2.error:
        # CLD2 refuses some valid characters, such as those that Unicode hasn't assigned yet.
        printable = "".join(char for char in text.decode() if char.isprintable() or char in "\n\t")
        try:
            reliable, _, details = pycld2.detect(printable.encode(), isPlainText=True)
        except pycld2.error:
            return UNDETERMINED, 0.0
    _, name, percent, _ = details[0]
    code = _CODE.fullmatch(name)
    if code is None or code[1] in _NOT_LANGUAGES:
        return UNDETERMINED, 0.0
    share = percent / 100
    return _CURRENT_CODES.get(code[1], code[1]), share if reliable else share * _UNRELIABLE
