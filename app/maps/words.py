"""Splits texts into the words that may name a cluster: of any script, and without stop words."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from icu import BreakIterator, Locale
from stopwordsiso import has_lang, stopwords

from app.curation.rules.cleaning.language import languages
from app.curation.rules.curating.words import ANY_WITHOUT_SPACES

_MAX_CHARS: Final = 500
"""Only the beginning of a text is read: it is what the user asks, which tells the subject."""
_NOT_WORDS: Final = re.compile(r"https?://\S+|<[^<>\s]+>")
"""Addresses, markup, special tokens of models and placeholders of masks."""
# A word has two characters or more and begins with a letter: numbers say little.
_WORD: Final = re.compile(r"[^\W\d_][\w-]*\w")
_ENGLISH: Final = "en"
"""Language whose stop words are left out of all texts, since code and instructions have them."""


def terms_of(texts: Sequence[str]) -> Iterator[Iterator[str]]:
    """Yield the terms of each text: its words and its pairs of adjacent words, in lower case.

    Stop words of the text's language are no terms, and no pair has one.
    """
    begun = pc.utf8_slice_codeunits(pa.array(texts, pa.large_string()), 0, _MAX_CHARS)
    codes, _ = languages(begun)
    spaced = pc.match_substring_regex(begun, ANY_WITHOUT_SPACES)
    for text, code, has_unspaced in zip(
        begun.to_pylist(), codes.to_pylist(), spaced.to_pylist(), strict=True
    ):
        yield _terms(_with_spaces(text) if has_unspaced else text, _stop_words(code))


def as_written(term: str) -> str:
    """Return a term without the space that two words of such a script are written without."""
    pattern = f"({ANY_WITHOUT_SPACES}) ({ANY_WITHOUT_SPACES})"
    written: str = pc.replace_substring_regex(pa.scalar(term), pattern, r"\1\2").as_py()
    return written


def _terms(text: str, stop_words: frozenset[str]) -> Iterator[str]:
    lower = _NOT_WORDS.sub(" ", text.lower())
    previous, end = "", -1
    for match in _WORD.finditer(lower):
        word = match[0]
        if word in stop_words:
            previous = ""
            continue
        yield word
        if previous and lower[end : match.start()] == " ":
            yield f"{previous} {word}"
        previous, end = word, match.end()


def _with_spaces(text: str) -> str:
    """Return a text with spaces between its words, which ICU finds by dictionaries.

    Source: https://unicode-org.github.io/icu/userguide/boundaryanalysis/.
    """
    breaks = BreakIterator.createWordInstance(Locale.getRoot())
    breaks.setText(text)
    # ICU counts units of UTF-16.
    units, start, words = text.encode("utf-16-le"), 0, []
    for end in breaks:
        words.append(units[2 * start : 2 * end].decode("utf-16-le"))
        start = end
    return " ".join(words)


@cache
def _stop_words(language: str) -> frozenset[str]:
    return frozenset(stopwords([code for code in (_ENGLISH, language) if has_lang(code)]))
