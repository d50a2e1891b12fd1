"""Splits texts into the words that may name a cluster: of any script, and without stop words."""

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
"""Only the beginning of a text is read: mostly what the user asks, which tells the subject."""
_NOT_WORDS: Final = r"https?://\S+|<[^<>\s]+>"
"""Addresses, markup, special tokens of models and placeholders of masks."""
_BETWEEN_WORDS: Final = r"[^\pL\pM\pN -]+"
"""What ends a run of words, such as punctuation; marks belong to the letter before them."""
_MIN_WORD_CHARS: Final = 2
_ENGLISH: Final = "en"
"""Language whose stop words are left out of all texts, since code and instructions have them."""


def terms_of(texts: Sequence[str]) -> Iterator[Iterator[str]]:
    """Yield the terms of each text: its words and its pairs of adjacent words, in lower case.

    Stop words of the text's language are no terms, and no pair has one.
    """
    begun = pc.utf8_slice_codeunits(pa.array(texts, pa.large_string()), 0, _MAX_CHARS)
    codes, _ = languages(begun)
    prose = pc.replace_substring_regex(pc.utf8_lower(begun), _NOT_WORDS, "\n")
    unspaced = pc.match_substring_regex(prose, ANY_WITHOUT_SPACES)
    chosen = prose.filter(unspaced).to_pylist()
    if chosen:
        spaced = pa.array(map(_with_spaces, chosen), pa.large_string())
        prose = pc.replace_with_mask(prose, unspaced, spaced)
    runs = pc.replace_substring_regex(prose, _BETWEEN_WORDS, "\n")
    for text, code in zip(runs.to_pylist(), codes.to_pylist(), strict=True):
        yield _terms(text, _stop_words(code))


def as_written(term: str) -> str:
    """Return a term without the space between two words of a script that has no spaces."""
    pattern = f"({ANY_WITHOUT_SPACES}) ({ANY_WITHOUT_SPACES})"
    written: str = pc.replace_substring_regex(pa.scalar(term), pattern, r"\1\2").as_py()
    return written


def _terms(text: str, stop_words: frozenset[str]) -> Iterator[str]:
    """Yield the terms of a text with a run of words in each line."""
    for run in text.splitlines():
        previous = ""
        for hyphenated in run.split():
            word = hyphenated.strip("-")
            # Numbers say little.
            is_telling = len(word) >= _MIN_WORD_CHARS and word[0].isalpha()
            if not is_telling or word in stop_words:
                previous = ""
                continue
            yield word
            if previous:
                yield f"{previous} {word}"
            previous = word


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
