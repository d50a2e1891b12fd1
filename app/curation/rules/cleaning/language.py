# ruff: noqa: RUF001  # letters of many scripts are what this is about
"""Detects the languages of conversations with CLD2, Chromium's Compact Language Detector.

CLD2 is asked for its best guess, for short texts too. What looks like English in any conversation
is left out before: code, in fences or plain, markup, URLs and placeholders. CLD2 often mistakes a
short text for one of a few languages; those texts get a second opinion from py3langid. Neither
knows Hindi in Latin letters, which is told by its most frequent words.

Sources: https://github.com/CLD2Owners/cld2, also for its codes of languages;
https://github.com/adbar/py3langid.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import py3langid
import pyarrow as pa
import pyarrow.compute as pc
import pycld2

from app.curation.rules.cleaning.columns import as_lists, matching, replaced
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
    {"un", "xx", "xxx", "zzb", "zze", "zzh", "zzp", "tlh", "ia", "ie", "vo"}
)
"""Codes of CLD2 for no language, for a script alone, for jokes such as pig latin, and for invented
languages that hardly anybody writes: CLD2 gives them to short texts in others."""
_COMMON_WORDS: Final = {
    "en": re.compile(
        r"(?i)\b(?:the|and|you|your|their|they|she|this|that|these|those|what|how|which|who|why|"
        r"where|when|there|with|from|not|are|were|has|had|does|did|can|could|should|would|but|about|"
        r"than|then|please|write|make|give|tell|get|let|use|want|need|know|think|thank|thanks|hello|"
        r"yes|some|any|more|new|like|is (?:an?|it|my)|it's|i'm|i am|to be|of a)\b"
    ),
    "sr": re.compile(r"\b(?:је|у|су|са)\b|[ћђЋЂ]"),
    **dict.fromkeys(("af", "bs", "co", "gd", "kl", "ms", "nn", "no", "sk"), re.compile(r"(?!)")),
}
"""For each language for which CLD2 mistakes short texts in others: words and letters that no other
language has so often, in which case CLD2 is right."""
_MAX_DOUBTFUL_BYTES: Final = 200
"""CLD2 mistakes only texts whose letters take fewer."""
_SECOND_OPINION: Final = re.compile("(?!la|vo)[a-z]{2}")
"""Answers of py3langid that are taken. Latin, Volapük and languages without a code of two letters
are mostly names and misspellings."""
_LETTERS: Final = {
    **dict.fromkeys(("da", "no", "nn"), (re.compile("[äöÄÖ]"), "sv")),
    "sr": (re.compile("[ѓќѕЃЌЅ]"), "mk"),
    "gl": (re.compile("[ãõçâêÃÕÇÂÊ]"), "pt"),
}
"""Letters that a language which CLD2 names doesn't have, and the one that it is then."""
_MAX_LETTERS_BYTES: Final = 100
"""Letters correct shorter texts only: a longer one may hold a foreign name."""
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
    detected = [_language(text) for text in shortened.cast(pa.large_binary()).to_pylist()]
    for place in _romanised_hindi(shortened):
        detected[place] = ("hi", 1.0, True)
    codes = pa.array([code for code, _, _ in detected], pa.large_string())
    confidence = pa.array(np.array([share for _, share, _ in detected], np.float64))
    return codes, confidence, np.array([sure for _, _, sure in detected], bool)


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
    reliable, size, name, percent = _detected(text)
    language = _current_code(name)
    if language is None or not (reliable or size >= _MIN_UNRELIABLE_LETTERS):
        return UNDETERMINED, 0.0, False
    if language in _COMMON_WORDS and _MIN_SURE_BYTES <= size < _MAX_DOUBTFUL_BYTES:
        other = _second_opinion(text.decode(), language)
        language, reliable = other, reliable and other == language
    if size < _MAX_LETTERS_BYTES and language in _LETTERS:
        foreign, other = _LETTERS[language]
        language = other if foreign.search(text.decode()) else language
    share = percent / 100
    confidence = share if reliable else share * _UNRELIABLE
    is_sure = reliable and size >= _MIN_SURE_BYTES
    return language, confidence, is_sure


@cache
def _current_code(name: str) -> str | None:
    """Return the code of ISO 639 for a code of CLD2; None if that is no language."""
    code = _CODE.fullmatch(name)
    if code is None or code[1] in _NOT_LANGUAGES:
        return None
    return _CURRENT_CODES.get(code[1], code[1])


def _detected(text: bytes) -> tuple[bool, int, str, int]:
    """Return what CLD2 tells of a text.

    Returns:
        Whether CLD2 calls its answer reliable; the bytes of the letters; CLD2's code of the
        language; and the percentage of the text that is in it.
    """
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
            return False, 0, "un", 0
    _, name, percent, _ = details[0]
    return reliable, size, name, percent


def _second_opinion(text: str, language: str) -> str:
    """Return the language of a short text that CLD2 may have mistaken for another."""
    if _COMMON_WORDS[language].search(text):
        return language
    other: str = py3langid.classify(text)[0]
    return other if _SECOND_OPINION.fullmatch(other) else language
