"""Shingles: runs of three words as 64-bit hashes. Near duplicates share most of them.

Broder, "On the resemblance and containment of documents", 1997.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa

from app.curation.rules.curating.arrays import Hashes, Ints, offsets_of
from app.curation.rules.curating.words import turns_of, words_of
from app.curation.rules.said import said

SHINGLE_WORDS: Final = 3
# A factor for each place in a run. Odd factors lose no bit of a word's hash. These are fractions of
# square roots of primes, as in SHA-512.
_PLACE_FACTORS: Final = np.array(
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
class HashLists:
    """A list of hashes for each row.

    Attributes:
        hashes: The hashes of all rows, one row after another.
        offsets: The offsets of rows into `hashes`, as in `arrays`.
    """

    hashes: Hashes
    offsets: Ints


def shingles_of(conversations: pa.Array | pa.ChunkedArray) -> HashLists:
    """Return the shingles of each conversation, over the words of what its turns say in order.

    A conversation of fewer than three words has one shingle. A run that a conversation repeats is
    in its list as often.
    """
    turns = turns_of(conversations)
    words = words_of(said(turns.field("content"), turns.field("tool_calls")))
    offsets = words.offsets[turns.offsets]
    return ngrams(_padded(HashLists(words.hashes(), offsets)), SHINGLE_WORDS)


def distinct_sets(shingles: HashLists) -> list[Hashes]:
    """Return the distinct shingles of each row, ascending."""
    bounds = pairwise(shingles.offsets.tolist())
    return [np.unique(shingles.hashes[begin:end]) for begin, end in bounds]


def jaccard(one: Hashes, other: Hashes) -> float:
    """Return the Jaccard similarity of two sets.

    It is the size of their intersection, divided by the size of their union.

    Args:
        one: A set as an ascending array, not empty.
        other: Another one.
    """
    places = np.searchsorted(other, one)
    shared = int(np.count_nonzero(other[np.minimum(places, len(other) - 1)] == one))
    return shared / (len(one) + len(other) - shared)


def ngrams(words: HashLists, length: int) -> HashLists:
    """Return the hashes of all runs of words of each row.

    Args:
        words: The hashes of the words of each row.
        length: Number of words of a run, at most five.
    """
    total = len(words.hashes)
    lengths = np.diff(words.offsets)
    # Number of words from each word to the end of its row, itself included.
    remaining = np.repeat(words.offsets[1:], lengths) - np.arange(total)
    whole = remaining >= length
    combined = np.zeros(max(total - length + 1, 0), np.uint64)
    for place in range(length):
        combined += words.hashes[place : place + len(combined)] * _PLACE_FACTORS[place]
    hashes = mixed(combined[whole[: len(combined)]])
    return HashLists(hashes, offsets_of(np.maximum(lengths - length + 1, 0)))


def mixed(values: Hashes) -> Hashes:
    """Return the values with their bits mixed, by xor-shift and multiply: each depends on all."""
    values = (values ^ (values >> _SHIFT)) * _MULTIPLIER
    values = (values ^ (values >> _SHIFT)) * _MULTIPLIER
    return values ^ (values >> _SHIFT)


def _padded(words: HashLists) -> HashLists:
    """Return the rows, with zeros added to those that have fewer words than a shingle."""
    lengths = np.diff(words.offsets)
    missing = np.maximum(SHINGLE_WORDS - lengths, 0)
    if not missing.any():
        return words
    hashes = np.insert(words.hashes, np.repeat(words.offsets[1:], missing), 0)
    return HashLists(hashes, offsets_of(lengths + missing))
