"""What a text says again: runs of words, lines and turns."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.rules.curating.shingles import Rows, ngrams
from app.curation.rules.curating.words import (
    Ints,
    Turns,
    Words,
    numpy,
    offsets_of,
    ratio,
    sums,
)

TOP_NGRAM_WORDS: Final = 3
DUPLICATE_NGRAM_WORDS: Final = 5
# A key is the number of a row in its upper bits, and a hash, so that one sort groups both.
_HASH_BITS: Final = np.uint64(40)


def repeated_ngrams(turns: Turns, words: Words) -> dict[str, NDArray[Any]]:
    """Return `top_ngram_ratio` and `duplicate_ngram_ratio` of conversations."""
    hashed = Rows(words.hashes(), words.offsets)
    number = np.diff(words.offsets[turns.offsets])
    conversations = np.repeat(np.arange(len(number)), np.diff(turns.offsets))
    rows, counts = _counted(ngrams(hashed, TOP_NGRAM_WORDS))
    most = np.zeros(len(number), np.int64)
    np.maximum.at(most, conversations[rows], np.where(counts > 1, counts, 0))
    runs = ngrams(hashed, DUPLICATE_NGRAM_WORDS)
    rows, counts = _counted(runs)
    repeated = np.bincount(conversations[rows], counts - 1, len(number))
    return {
        # Runs can overlap, as those of one word over and over.
        "top_ngram_ratio": ratio(most * TOP_NGRAM_WORDS, number).clip(max=1),
        "duplicate_ngram_ratio": ratio(repeated, np.diff(runs.offsets[turns.offsets])),
    }


def repeated_lines(lines: pa.Array, offsets: Ints) -> NDArray[np.bool_]:
    """Return which of the lines of turns are the same as an earlier one of their turn."""
    return _seen_before(lines, np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)))


def repeated_turns(contents: pa.Array, lengths: Ints) -> Ints:
    """Return how many of each conversation's turns are the same as an earlier one.

    Args:
        contents: The turns' texts, one conversation's after another's.
        lengths: How many turns each conversation has.
    """
    repeated = _seen_before(contents, np.repeat(np.arange(len(lengths)), lengths))
    return sums(repeated, offsets_of(lengths))


def _seen_before(texts: pa.Array, rows: Ints) -> NDArray[np.bool_]:
    codes = numpy(texts.dictionary_encode().indices).astype(np.int64)
    _, first = np.unique(rows << np.int64(32) | codes, return_index=True)
    seen = np.ones(len(texts), np.bool_)
    seen[first] = False
    return seen


def _counted(grams: Rows) -> tuple[Ints, Ints]:
    """Return the row of each distinct hash of a row, and how often the row has it."""
    rows = np.repeat(np.arange(len(grams.offsets) - 1, dtype=np.uint64), np.diff(grams.offsets))
    keys = np.sort(rows << _HASH_BITS | grams.hashes >> np.uint64(24))
    begins = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    return (keys[begins] >> _HASH_BITS).astype(np.int64), np.diff(begins, append=len(keys))
