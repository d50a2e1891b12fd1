"""How texts are cut into the words of an index.

What a text is searched for needn't begin or end where a word does, and case is ignored. So both are
cut in the same way, which looks at one character at a time: wherever a text has what is searched
for, it has the same words there, except that the first and the last may be parts of longer words.

- A run of letters and digits of a script that puts spaces between words is a word.
- Every other character beyond ASCII is a word of its own: those of scripts without spaces, such as
  Chinese, Japanese and Thai, and also punctuation and emoji.
- Every other character of ASCII lies between words.
"""

import re
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_SPACED_SCRIPTS: Final = (
    "Latin",
    "Greek",
    "Cyrillic",
    "Armenian",
    "Hebrew",
    "Arabic",
    "Devanagari",
    "Bengali",
    "Gurmukhi",
    "Gujarati",
    "Oriya",
    "Tamil",
    "Telugu",
    "Kannada",
    "Malayalam",
    "Sinhala",
    "Hangul",
    "Ethiopic",
    "Georgian",
    # Marks that letters of several scripts share.
    "Inherited",
)
_ALONE: Final = r"([^\x00-\x7f" + "".join(rf"\p{{{script}}}" for script in _SPACED_SCRIPTS) + "])"
_SAME_LETTERS: Final = {"\u1fd3": "\u0390", "\u1fe3": "\u03b0", "\ufb06": "\ufb05"}
"""Letters that differ in their encoding only, and have no other case.

https://www.unicode.org/Public/UNIDATA/CaseFolding.txt has them as simple foldings.
"""
# As SQLite's tokenizer `ascii` cuts: https://www.sqlite.org/fts5.html#ascii_tokenizer
_WORD: Final = re.compile("[0-9a-z\x80-\U0010ffff]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of what is searched for.

    Attributes:
        text: The word, in one case.
        begins: Whether the word of a text that it is found in can't begin before it.
        ends: Whether the word of a text that it is found in can't end after it.
    """

    text: str
    begins: bool
    ends: bool


def prepared(texts: pa.Array) -> pa.Array:
    """Return texts that SQLite's tokenizer `ascii` cuts into the words of an index.

    Texts of ASCII alone are returned as they are, since that tokenizer ignores their case.

    Args:
        texts: Texts without nulls, of Arrow's type `large_string`.
    """
    is_other = pc.invert(pc.string_is_ascii(texts))
    others = texts.filter(is_other)
    if not len(others):
        return texts
    apart = pc.replace_substring_regex(_in_one_case(others), _ALONE, r" \1 ")
    return pc.replace_with_mask(texts, is_other, apart)


def words_of(text: str) -> list[Word]:
    """Return the words of what is searched for, in their order; there may be none."""
    (cut,) = prepared(pa.array([text], pa.large_string())).to_pylist()
    lower = "".join(map(_lower_ascii, cut))
    return [
        Word(match[0], begins=match.start() > 0, ends=match.end() < len(lower))
        for match in _WORD.finditer(lower)
    ]


def _in_one_case(texts: pa.Array) -> pa.Array:
    """Return texts in which all characters that differ by case only are the same one.

    In upper case first, since several letters share one, such as s and the long s.
    """
    texts = pc.utf8_lower(pc.utf8_upper(texts))
    for character, same in _SAME_LETTERS.items():
        texts = pc.replace_substring(texts, character, same)
    return texts


def _lower_ascii(character: str) -> str:
    return character.lower() if character.isascii() else character
