"""Measures repetition: runs of words, lines and turns that occur again."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Ints, offsets_of, ratio, row_sums, to_numpy
from app.curation.rules.curating.shingles import HashLists, ngrams
from app.curation.rules.curating.words import Turns, Words

TOP_NGRAM_WORDS: Final = 3
DUPLICATE_NGRAM_WORDS: Final = 5
# Bits of a hash in a key, below the number of its row: one sort then groups rows and their hashes.
_HASH_BITS: Final = np.uint64(40)


def repeated_ngrams(turns: Turns, words: Words) -> dict[str, NDArray[Any]]:
    """Return the signals `top_ngram_ratio` and `duplicate_ngram_ratio` of conversations."""
    hashed = HashLists(words.hashes(), words.offsets)
    number = np.diff(words.offsets[turns.offsets])
    conversations = np.repeat(np.arange(len(number)), np.diff(turns.offsets))
    rows, counts = _counted(ngrams(hashed, TOP_NGRAM_WORDS))
    most = np.zeros(len(number), np.int64)
    np.maximum.at(most, conversations[rows], np.where(counts > 1, counts, 0))
    runs = ngrams(hashed, DUPLICATE_NGRAM_WORDS)
    rows, counts = _counted(runs)
    repeated = np.bincount(conversations[rows], counts - 1, len(number))
    return {
        # At most 1: runs of the same word again and again overlap.
        "top_ngram_ratio": ratio(most * TOP_NGRAM_WORDS, number).clip(max=1),
        "duplicate_ngram_ratio": ratio(repeated, np.diff(runs.offsets[turns.offsets])),
    }


def repeated_lines(lines: pa.Array, offsets: Ints) -> NDArray[np.bool_]:
    """Return which lines are the same as an earlier line of their turn.

    Args:
        lines: The lines of all turns.
        offsets: The offsets of turns into `lines`, as in `arrays`.
    """
    return _seen_before(lines, np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)))


def repeated_turns(contents: pa.Array, lengths: Ints) -> Ints:
    """Return the number of turns of each conversation that are the same as an earlier one.

    Args:
        contents: The texts of turns, one conversation after another.
        lengths: Number of turns of each conversation.
    """
    repeated = _seen_before(contents, np.repeat(np.arange(len(lengths)), lengths))
    return row_sums(repeated, offsets_of(lengths))


def _seen_before(texts: pa.Array, rows: Ints) -> NDArray[np.bool_]:
    """Return which texts are the same as an earlier text of their row."""
    codes = to_numpy(texts.dictionary_encode().indices).astype(np.int64)
    _, first = np.unique(rows << np.int64(32) | codes, return_index=True)
    seen = np.ones(len(texts), np.bool_)
    seen[first] = False
    return seen


def _counted(grams: HashLists) -> tuple[Ints, Ints]:
    """Return a row and a count for each distinct hash of a row: how often the row has it."""
    rows = np.repeat(np.arange(len(grams.offsets) - 1, dtype=np.uint64), np.diff(grams.offsets))
    keys = np.sort(rows << _HASH_BITS | grams.hashes >> np.uint64(24))
    begins = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    return (keys[begins] >> _HASH_BITS).astype(np.int64), np.diff(begins, append=len(keys))
