# ruff: noqa: RUF001  # letters of many scripts are what this is about
"""Second opinions on the language of a short text, which CLD2 often mistakes.

py3langid is asked as well. Where it names another language, a linear model tells which of the two
is right; `language_model/README.md` is its card. At last, words and letters correct a language
that doesn't have them to a neighbour that does.

Source: https://github.com/adbar/py3langid.
"""

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import py3langid

WEIGHTS_FILE: Final = Path(__file__).parent / "language_model" / "weights.json"
WEIGHT_UNITS: Final = 1024
"""Number of units in a weight of 1. The file holds whole units."""
MIN_BYTES: Final = 12
MAX_BYTES: Final = 200
"""A text gets a second opinion if its letters take at least `MIN_BYTES`, and less than this. Of a
shorter one neither detector tells enough, and CLD2 seldom mistakes a longer one."""
_MAX_DOUBTFUL_SCORE: Final = 1000.0
"""CLD2 is seldom wrong from this score on, and a second opinion costs three times its answer."""
_SCORE_UNIT: Final = 500.0
_MAX_MARGIN: Final = 60.0
_NAMES_AND_MISSPELLINGS: Final = re.compile("la|vo|[a-z]{3}")
"""Answers of py3langid for texts that aren't in these languages, mostly."""
_CYRILLIC: Final = re.compile("[А-Яа-я]")
_SHARED_SCRIPT: Final = re.compile("[A-Za-zА-Яа-я]")
_SERBIAN: Final = re.compile(
    r"(?i)\b(?:vreme\w*|posle|gde|ovde|pre|uvek|sajt\w*|fajl\w*|imejl\w*|takođe|opšt\w*|umesto|"
    r"\w*promen\w*|\w*vrednost\w*|sledeć\w*|\w*rešen\w*|\w*obavešt\w*|primer\w*|ceo|dve|nedelj\w*|"
    r"mest[aou]|sme[sš]t\w*|posledn\w*|izmen\w*|zahtev\w*|uspešn\w*)\b"
)
"""Words as they are written in Ekavian, or in Serbian only."""
_NYNORSK: Final = re.compile(
    r"(?i)\b(?:ikkje|eg|frå|korleis|kva|kvar|kven|berre|noko|nokon|meir|mykje|dei|eit|ein|vart|"
    r"vald[et]?|desse|saman|sjølv|sidan|heile|vere|vera|gjere|kjem|\w+ingar)\b"
)
_MALAY: Final = re.compile(
    r"(?i)\b(?:kerana|boleh|bahawa|laman|fail|padam|tetapan|pejabat|ialah|iaitu|daripada|awak|"
    r"sahaja|beliau|pelbagai|selepas|apabila|manakala|kereta|wang|cuba|percuma|majlis|syarikat|"
    r"kerajaan|pengerusi|lapan|rasmi|kedai|baharu|berkenaan|mengapakah)\b"
)
_INDONESIAN: Final = re.compile(
    r"(?i)\b(?:karena|bisa|berkas|halaman|unduh|unggah|hapus|tautan|pengaturan|saat|kantor|bahwa|"
    r"mobil|uang|surel|situs|perangkat|izin|silakan|beda|berbeda|coba|perusahaan|gratis|delapan)\b"
)
_SIGNS: Final = (
    (("da", "no", "nn"), re.compile("[äöÄÖ]"), "sv"),
    (("da", "no"), _NYNORSK, "nn"),
    (("hr", "bs"), _SERBIAN, "sr"),
    (("id",), _MALAY, "ms"),
    (("ms",), _INDONESIAN, "id"),
    (("nl",), re.compile(r"(?i)\b(?:nie|hierdie|jy|hulle|lêer\w*|skep|stoor|wysig)\b"), "af"),
    (("gl",), re.compile("[ãõçâêÃÕÇÂÊ]"), "pt"),
    (("sr",), re.compile("[ѓќѕЃЌЅ]"), "mk"),
    (("bg",), re.compile(r"(?i)[ѓќѕ]|\b(?:вредност|датум|внес|сите|оваа|повеќе|дека)"), "mk"),
    (
        ("ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "mn", "tg", "tt", "ba"),
        re.compile("[ӕӔ]|[а-я]æ|æ[а-я]"),
        "os",
    ),
)
"""Languages that a text is taken for, what none of them has, and the language that has it."""

Weights = dict[str, Any]
"""Weights in whole units: `bias`, `score` and `margin`; those of languages that `cld2` names, where
it named them often; and those of languages that are taken from `py3langid`."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What the model sees of a text for which the detectors name different languages.

    Attributes:
        language: The language by CLD2.
        other: The language by py3langid.
        score: CLD2's score, in units of 500 and less than 2. It is low where CLD2 is wrong.
        margin: Logarithm of how much likelier py3langid finds its own language than CLD2's, 60 at
            most, divided by the square root of the number of bytes.
    """

    language: str
    other: str
    score: float
    margin: float


def second_opinion(text: str, size: int, language: str | None, score: float) -> str | None:
    """Return the language of a short text that CLD2 may have mistaken.

    Args:
        text: The text.
        size: The bytes of its letters.
        language: The language by CLD2; None where CLD2 names none, as of some plain Russian.
        score: CLD2's score for that language.
    """
    if language is None:
        return py3langid.classify(text)[0] if _CYRILLIC.search(text) else None
    if found := disagreement(text, size, language, score):
        language = found.other if log_odds(found, _weights()) > 0 else language
    for languages, sign, other in _SIGNS:
        if language in languages and sign.search(text):
            return other
    return language


def disagreement(text: str, size: int, language: str, score: float) -> Disagreement | None:
    """Return what the model sees of a text; None where there is nothing to decide.

    That is where CLD2's score is high, where both detectors name the same language, and where
    py3langid doesn't know CLD2's and the script isn't shared by many, such as that of Dhivehi.

    Args:
        text: The text.
        size: The bytes of its letters.
        language: The language by CLD2.
        score: CLD2's score for that language.
    """
    if score >= _MAX_DOUBTFUL_SCORE:
        return None
    other: str = py3langid.classify(text)[0]
    if other == language or _NAMES_AND_MISSPELLINGS.fullmatch(other):
        return None
    likelihoods = dict(py3langid.rank(text))
    if language not in likelihoods and not _SHARED_SCRIPT.search(text):
        return None
    lead = likelihoods[other] - likelihoods.get(language, -math.inf)
    margin = min(lead, _MAX_MARGIN) / math.sqrt(size)
    return Disagreement(language, other, score / _SCORE_UNIT, margin)


def log_odds(found: Disagreement, weights: Weights) -> float:
    """Return the logarithm of the odds that py3langid is right and CLD2 wrong, by the weights."""
    of_other = weights["py3langid"].get(found.other)
    if of_other is None:
        return -math.inf
    bias = weights["bias"] + weights["cld2"].get(found.language, 0) + of_other
    total: float = bias + weights["score"] * found.score + weights["margin"] * found.margin
    return total / WEIGHT_UNITS


@cache
def _weights() -> Weights:
    weights: Weights = json.loads(WEIGHTS_FILE.read_bytes())
    return weights
