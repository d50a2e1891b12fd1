"""Shingles: the runs of three words that near duplicates have in common, as 64-bit hashes.

Broder, "On the resemblance and containment of documents", 1997.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa

from app.curation.rules.curating.words import (
    Hashes,
    Ints,
    offsets_of,
    turns_of,
    words_of,
)

SHINGLE_WORDS: Final = 3
# Odd, so that no bit of a word is lost: the fractions of the square roots of primes, as SHA-512's.
_PLACES: Final = np.array(
    [
        0x6A09E667F3BCC909,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
    ],
    np.uint64,
)
_SHIFT: Final = np.uint64(32)
_MULTIPLIER: Final = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, slots=True)
class Rows:
    """Hashes of rows, one after another.

    Attributes:
        hashes: The hashes.
        offsets: Where those of each row begin, and the end.
    """

    hashes: Hashes
    offsets: Ints


def shingles_of(conversations: pa.Array | pa.ChunkedArray) -> Rows:
    """Return the shingles of conversations: of the words of all turns, in their order.

    A conversation of fewer than three words is one shingle. Those that it repeats are repeated.
    """
    turns = turns_of(conversations)
    words = words_of(turns.field("content"))
    offsets = words.offsets[turns.offsets]
    return ngrams(_filled_up(Rows(words.hashes(), offsets)), SHINGLE_WORDS)


def distinct_sets(shingles: Rows) -> list[Hashes]:
    """Return the distinct shingles of each row, ascending."""
    bounds = pairwise(shingles.offsets.tolist())
    return [np.unique(shingles.hashes[begin:end]) for begin, end in bounds]


def jaccard(one: Hashes, other: Hashes) -> float:
    """Return the similarity of two ascending sets: what they share of what they have together."""
    places = np.searchsorted(other, one)
    shared = int(np.count_nonzero(other[np.minimum(places, len(other) - 1)] == one))
    return shared / (len(one) + len(other) - shared)


def ngrams(words: Rows, length: int) -> Rows:
    """Return the hash of every run of `length` words of a row, up to five words long."""
    total = len(words.hashes)
    lengths = np.diff(words.offsets)
    # How many words of its row follow a word, itself included.
    remaining = np.repeat(words.offsets[1:], lengths) - np.arange(total)
    whole = remaining >= length
    combined = np.zeros(max(total - length + 1, 0), np.uint64)
    for place in range(length):
        combined += words.hashes[place : place + len(combined)] * _PLACES[place]
    hashes = mixed(combined[whole[: len(combined)]])
    return Rows(hashes, offsets_of(np.maximum(lengths - length + 1, 0)))


def mixed(values: Hashes) -> Hashes:
    """Return hashes whose every bit depends on every bit: xor-shift and multiply, both ways."""
    values = (values ^ (values >> _SHIFT)) * _MULTIPLIER
    values = (values ^ (values >> _SHIFT)) * _MULTIPLIER
    return values ^ (values >> _SHIFT)


def _filled_up(words: Rows) -> Rows:
    """Return rows of at least as many words as a shingle has; those that were missing are zero."""
    lengths = np.diff(words.offsets)
    missing = np.maximum(SHINGLE_WORDS - lengths, 0)
    if not missing.any():
        return words
    hashes = np.insert(words.hashes, np.repeat(words.offsets[1:], missing), 0)
    return Rows(hashes, offsets_of(lengths + missing))
