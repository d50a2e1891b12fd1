"""Detects the languages of conversations with CLD2, Chromium's Compact Language Detector.

CLD2 is asked for its best guess, for short texts too. What looks like English in any conversation
is left out before: code, in fences or plain, markup, URLs and placeholders. A short text gets a
second opinion. CLD2 doesn't know Hindi in Latin letters, which its most frequent words tell.

Source: https://github.com/CLD2Owners/cld2, also for its codes of languages.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pycld2

from app.curation.rules.cleaning.columns import as_lists, matching, replaced
from app.curation.rules.cleaning.second_opinion import MAX_BYTES, MIN_BYTES, second_opinion
from app.curation.rules.cleaning.turns import TurnColumns

UNDETERMINED: Final = "und"
"""The code of ISO 639-2 for a language that isn't known."""
_MAX_READ_CHARACTERS: Final = 700
"""Only the beginning of a turn is read, of which code is left out."""
_MAX_TURN_CHARACTERS: Final = 400
"""Only the beginning of a turn counts, so that one long text doesn't speak for the others."""
_MAX_CHARACTERS: Final = 800
"""Only the beginning of a conversation is read, which shows its language."""
_CODE_LINES: Final = (
    r"[ -~\t]*[=(){}\[\]<>_$][ -~\t]*[;{}]|[{}\[\]();,]+",  # statements and blocks of C and its kin
    r"import [\w.]+(?: as \w+)?|from [\w.]+ import [^\n]*|import [^\n]* from [\"'][^\n]*",
    r"(?:@\w+|(?:async )?def \w+|class \w+)[^\n]*[:)]",
    r"(?:if|elif|else|for|while|try|except|with|finally)\b[^\n]*:|pass|break|continue|end",
    r"return [\w.]+;?",
    r"(?:return|print|raise|yield|assert|export|const|let|var|func|fn)\b[^\n]*(?:[=\[]|[+*] |\w\()"
    r"[^\n]*",
    r"(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|FROM|WHERE|JOIN|GROUP BY|ORDER BY)\b[^\n]*",
    r"\w+ (?:INTEGER|INT|BIGINT|TEXT|VARCHAR|BOOLEAN|DATE|TIMESTAMP|SERIAL)\b[^\n]*",
    r"#(?:include|define|ifdef|endif|!)[^\n]*",
    r"\$ [^\n]*",
    r"(?:sudo|pip|npm|git|docker|curl|cd|apt-get) [^\n]*",
    r"[\w.\[\]\"']+ ?[-+*/|]?= ?[^\n]*",  # assignments
    r"[\w.]+\([^\n]*\)",  # calls
    r"[\"']\w+[\"'] ?:[^\n]*",  # JSON
    r"</?\w[^\n]*>|<\?[^\n]*",
)
_NOT_PROSE: Final = (
    r"(?s)```.*?(?:```|\z)|`[^`\n]*`|https?://[^\s]*|</?[A-Za-z][^<>\n]*>|\\[A-Za-z]+"
)
"""Code in fences, URLs, and markup, which placeholders look like."""
_PLAIN_CODE: Final = rf"(?m)^[ \t]*(?:{'|'.join(_CODE_LINES)})[ \t]*$"
"""Lines of code without fences."""
_CURRENT_CODES: Final = {"iw": "he", "jw": "jv", "in": "id", "mo": "ro"}
"""The current code of ISO 639 for each withdrawn one that CLD2 returns."""
_CODE: Final = re.compile(r"([a-z]{2,3})(?:-[A-Za-z]+)?")
_NOT_LANGUAGES: Final = frozenset(
    {"un", "xx", "xxx", "zzb", "zze", "zzh", "zzp", "tlh", "ie", "vo"}
)
"""Codes of CLD2 for no language, for a script alone, for jokes such as pig latin, and for invented
languages that hardly anybody writes: CLD2 gives them to short texts in others."""
_UNRELIABLE: Final = 0.5
"""Factor of the confidence in an answer that CLD2 itself calls unreliable, or that the second
opinion isn't."""
_MIN_UNRELIABLE_LETTERS: Final = 10
"""Nobody can tell the language of a text with fewer letters in which CLD2 is unsure."""
_MIN_SURE_BYTES: Final = 20
"""A turn whose letters take fewer is too short to show that a conversation has two languages."""
_WORD: Final = r"\pL[\pL\pM]*"
_MIN_SINGLE_SHARE: Final = 0.95
"""Confidence in the language of a conversation from which on its turns aren't looked at."""
_MIN_TOLD_CHARACTERS: Final = 400
"""The turns of shorter conversations are looked at: CLD2 passes over a sentence beside others."""
_ROMANISED_HINDI: Final = (
    r"(?i)\b(?:hai|hain|hoon|nahi|nahin|kya|mujhe|kaise|kaisi|batao|bataiye|bahut|tumhara|aap|"
    r"aapka|aapko|aapki|mera|meri|tera|teri|hamara|humein|hume|unhe|unka|uska|uski|iska|iski|usne|"
    r"maine|kiya|karo|karna|karte|karta|karti|raha|rahi|rahe|tha|gaya|gayi|hoga|kyun|kyunki|lekin|"
    r"agar|phir|toh|bhi|yeh|woh|aaj|thoda|thodi|zyada|accha|acha|theek|thik|bhai|sakta|sakti|"
    r"chahiye|wala|wali|aur|kuch|koi|kitna|kitne|apna|apne|dhanyavad|shukriya|kahan|kaun|jaise|"
    r"jaane|sabse|karu|samajh|mere|hamare|jaldi|khatam|liye|pehle|hota|hoti|yaar|dekho|chalo|abhi|"
    r"sirf|matlab|banao|banate|banane|kisi|kisne|kaisa|karne|karke|karun|karein|karenge|tumhe|usko|"
    r"isko|lagta|haan|batana|likho|likhna|samjhao|kaam|zindagi|chahta|chahti|hogi|honge)\b"
)
_MIN_HINDI_WORDS: Final = 2
_MIN_HINDI_SHARE: Final = 0.25
"""Of the words of a text that are such words."""


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages of conversations.

    Attributes:
        codes: The ISO 639 code of each conversation's language, `und` where none is found.
        confidence: In each code, from 0 to 1: the share of the text that is in the language, half
            of that where CLD2 calls its answer unreliable or the second opinion is another, and 0
            for `und`.
        of_turns: A list with the code of each turn, for a conversation in several languages; null
            for the others. It is `und` for what neither a user nor an assistant says, and for
            turns that are too short to be sure.
    """

    codes: pa.Array
    confidence: pa.Array
    of_turns: pa.Array


@dataclass(frozen=True, slots=True)
class Detected:
    """What CLD2 tells of a text.

    Attributes:
        reliable: Whether CLD2 calls its answer reliable.
        size: The bytes of the letters.
        language: The ISO 639 code of the language; None where CLD2 names none.
        share: The share of the text that is in the language, from 0 to 1.
        score: How well the text fits the language: some hundreds to two thousand.
    """

    reliable: bool
    size: int
    language: str | None
    share: float
    score: float


def detected_languages(turns: TurnColumns) -> Languages:
    """Detect the languages in which the users and assistants of conversations speak."""
    is_said = pc.is_in(turns["role"], pa.array(["user", "assistant"], turns["role"].type))
    prose = pc.if_else(is_said, _prose(turns["content"]), pa.scalar("", pa.large_string()))
    joined = turns.joined(prose, "\n")
    codes, confidence, _ = _languages(joined)
    is_short = np.asarray(pc.utf8_length(joined)) < _MIN_TOLD_CHARACTERS
    may_differ = is_short | (np.asarray(confidence) < _MIN_SINGLE_SHARE)
    is_long = np.asarray(pc.binary_length(prose)) >= _MIN_SURE_BYTES
    # No other language than that of a single turn can be told.
    are_several = np.bincount(turns.row[is_long], minlength=turns.conversations) > 1
    places = np.flatnonzero((may_differ & are_several)[turns.row] & is_long)
    # Short turns are often the same, such as greetings.
    distinct = prose.take(pa.array(places)).dictionary_encode()
    told, _, is_sure = _languages(distinct.dictionary)
    told = pc.if_else(pa.array(is_sure), told, UNDETERMINED)
    of_turns = pa.repeat(pa.scalar(UNDETERMINED, pa.large_string()), len(prose))
    of_turns = replaced(of_turns, places, told.take(distinct.indices))
    return Languages(codes, confidence, _where_they_differ(turns, of_turns))


def languages(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Detect the language of each text; return its code and the confidence, as `Languages` has."""
    codes, confidence, _ = _languages(_prose(texts))
    return codes, confidence


def _where_they_differ(turns: TurnColumns, codes: pa.Array) -> pa.Array:
    """Return the column `of_turns`, given the code of each turn."""
    distinct = codes.dictionary_encode()
    code, is_known = np.asarray(distinct.indices), np.asarray(pc.not_equal(codes, UNDETERMINED))
    least = np.full(turns.conversations, len(distinct.dictionary))
    np.minimum.at(least, turns.row[is_known], code[is_known])
    greatest = np.full(turns.conversations, -1)
    np.maximum.at(greatest, turns.row[is_known], code[is_known])
    kept = (least < greatest)[turns.row]
    return as_lists(
        codes.filter(pa.array(kept)),
        pa.array(np.bincount(turns.row[kept], minlength=turns.conversations)),
        pa.large_list(pa.field("element", pa.large_string(), nullable=False)),
    )


def _prose(texts: pa.Array) -> pa.Array:
    """Return what is in a language at the beginning of texts."""
    begun = pc.utf8_slice_codeunits(texts, 0, _MAX_READ_CHARACTERS)
    prose = pc.replace_substring_regex(begun, _NOT_PROSE, " ")
    prose = pc.replace_substring_regex(prose, _PLAIN_CODE, "")
    return pc.utf8_slice_codeunits(prose, 0, _MAX_TURN_CHARACTERS)


def _languages(prose: pa.Array) -> tuple[pa.Array, pa.Array, npt.NDArray[np.bool_]]:
    """Return code and confidence for each text, and whether the code is sure."""
    shortened = pc.utf8_slice_codeunits(prose, 0, _MAX_CHARACTERS)
    found = [_language(text) for text in shortened.cast(pa.large_binary()).to_pylist()]
    for place in _romanised_hindi(shortened):
        found[place] = ("hi", 1.0, True)
    codes = pa.array([code for code, _, _ in found], pa.large_string())
    confidence = pa.array(np.array([share for _, share, _ in found], np.float64))
    return codes, confidence, np.array([sure for _, _, sure in found], bool)


def _romanised_hindi(texts: pa.Array) -> list[int]:
    """Return the indices of texts in Hindi in Latin letters, which CLD2 takes for anything."""
    # Searching is faster than counting, and few texts have such a word.
    indices = matching(texts, _ROMANISED_HINDI)
    some = texts.take(pa.array(indices))
    hindi = np.asarray(pc.count_substring_regex(some, _ROMANISED_HINDI))
    many = hindi >= _MIN_HINDI_WORDS
    indices, hindi, some = indices[many], hindi[many], some.filter(pa.array(many))
    if not len(indices):
        return []  # without compiling an expression for all letters
    words = np.asarray(pc.count_substring_regex(some, _WORD))
    found: list[int] = indices[hindi >= _MIN_HINDI_SHARE * words].tolist()
    return found


def _language(text: bytes) -> tuple[str, float, bool]:
    found = detected(text)
    language, reliable = found.language, found.reliable
    if MIN_BYTES <= found.size < MAX_BYTES:
        language = second_opinion(text.decode(), found.size, found.language, found.score)
        reliable = reliable and language == found.language
    if language is None or not (reliable or found.size >= _MIN_UNRELIABLE_LETTERS):
        return UNDETERMINED, 0.0, False
    share = found.share if found.language else 1.0
    confidence = share if reliable else share * _UNRELIABLE
    return language, confidence, reliable and found.size >= _MIN_SURE_BYTES


def detected(text: bytes) -> Detected:
    """Return what CLD2 tells of a text in UTF-8."""
    try:
        reliable, size, details = pycld2.detect(text, isPlainText=True, bestEffort=True)
    except pycld2.error:
        # CLD2 refuses some valid characters, such as those that Unicode hasn't assigned yet.
        printable = "".join(char for char in text.decode() if char.isprintable() or char in "\n\t")
        try:
            reliable, size, details = pycld2.detect(
                printable.encode(), isPlainText=True, bestEffort=True
            )
        except pycld2.error:
            return Detected(False, 0, None, 0.0, 0.0)
    _, name, percent, score = details[0]
    return Detected(reliable, size, _current_code(name), percent / 100, score)


@cache
def _current_code(name: str) -> str | None:
    """Return the code of ISO 639 for a code of CLD2; None if that is no language."""
    code = _CODE.fullmatch(name)
    if code is None or code[1] in _NOT_LANGUAGES:
        return None
    return _CURRENT_CODES.get(code[1], code[1])
