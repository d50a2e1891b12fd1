"""Shingles: short runs of words as 64-bit hashes. Texts that are alike share most of them.

Broder, "On the resemblance and containment of documents", 1997.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Hashes, Ints, offsets_of, row_sums, to_numpy
from app.curation.rules.curating.words import Turns, Words

SHINGLE_CHARACTERS: Final = 3
"""Length of a run in scripts without spaces, in which a word is a character or two."""
Side = Literal["user", "assistant"]
"""Whose turns are compared: those of users are the prompts, those of assistants the answers."""
SIDES: Final[tuple[Side, Side]] = ("user", "assistant")

# A factor for each place in a run. Odd factors lose no bit of a word's hash. These are fractions of
# square roots of primes, as in SHA-512.
_PLACE_FACTORS: Final = np.array(
    [
        0x6A09E667F3BCC909,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    np.uint64,
)
_BLOCK_WORDS: Final = 1 << 14  # computed at a time: these fit a core's L2 cache several times
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

    def chosen(self, rows: NDArray[np.bool_]) -> "HashLists":
        """Return the lists of some rows."""
        lengths = np.diff(self.offsets)
        return HashLists(self.hashes[np.repeat(rows, lengths)], offsets_of(lengths[rows]))


def words_said(turns: Turns, side: Side) -> Words:
    """Return the words that one side of each conversation says, over its turns in order."""
    is_theirs = to_numpy(pc.equal(turns.field("role"), side))
    words = turns.words_said.take(np.flatnonzero(is_theirs))
    return replace(words, offsets=words.offsets[offsets_of(row_sums(is_theirs, turns.offsets))])


def shingles_of(words: Words) -> HashLists:
    """Return the shingles of each text, at least one.

    A shingle is a run of two words, or of three characters from a character of a script that is
    written without spaces. Marks before and after the text are words of it, so that its beginning
    and its end count, and so that a text of one word has shingles of its own. A run that a text
    repeats is in its list as often.
    """
    texts = len(words.offsets) - 1
    # One mark before each text, and as many after it as its last run may reach.
    before, after = words.offsets[:-1], np.repeat(words.offsets[1:], SHINGLE_CHARACTERS - 1)
    marks = np.concatenate([before, after])
    hashes = np.insert(words.hashes(), marks, np.uint64(0))
    is_character = np.insert(words.are_characters(), marks, False)
    offsets = words.offsets + SHINGLE_CHARACTERS * np.arange(texts + 1)
    combined = hashes * _PLACE_FACTORS[0]
    combined[:-1] += hashes[1:] * _PLACE_FACTORS[1]
    combined[:-2] += hashes[2:] * np.where(is_character[:-2], _PLACE_FACTORS[2], np.uint64(0))
    begins_shingle = np.ones(len(hashes), np.bool_)
    for place in range(1, SHINGLE_CHARACTERS):
        begins_shingle[offsets[1:] - place] = False
    lengths = np.diff(offsets) - (SHINGLE_CHARACTERS - 1)
    return HashLists(mixed(combined[begins_shingle]), offsets_of(lengths))


def distinct_sets(shingles: HashLists) -> list[Hashes]:
    """Return the distinct shingles of each row, ascending.

    Args:
        shingles: At least one shingle for each row.
    """
    hashes = shingles.hashes.copy()
    for begin, end in pairwise(shingles.offsets.tolist()):
        hashes[begin:end].sort()
    is_first = np.ones(len(hashes), np.bool_)
    is_first[1:] = hashes[1:] != hashes[:-1]
    is_first[shingles.offsets[:-1]] = True
    distinct, offsets = hashes[is_first], offsets_of(row_sums(is_first, shingles.offsets))
    return [distinct[begin:end] for begin, end in pairwise(offsets.tolist())]


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
        length: Number of words of a run, at most eight.
    """
    combined = np.zeros(max(len(words.hashes) - length + 1, 0), np.uint64)
    for begin in range(0, len(combined), _BLOCK_WORDS):
        block = combined[begin : begin + _BLOCK_WORDS]
        for place in range(length):
            first = begin + place
            block += words.hashes[first : first + len(block)] * _PLACE_FACTORS[place]
    is_whole = np.ones(len(combined), np.bool_)
    for place in range(1, length):
        last = words.offsets[1:] - place
        is_whole[last[(last >= words.offsets[:-1]) & (last < len(combined))]] = False
    hashes, lengths = mixed(combined[is_whole]), np.diff(words.offsets)
    return HashLists(hashes, offsets_of(np.maximum(lengths - length + 1, 0)))


def sequences(words: HashLists) -> Hashes:
    """Return a hash for each row of all its words in their order; 0 for a row without any."""
    places = np.arange(len(words.hashes)) - np.repeat(words.offsets[:-1], np.diff(words.offsets))
    hashes = mixed(words.hashes + places.astype(np.uint64))
    # As integers with a sign, since sums of those without one begin with a zero that has one.
    sums: Hashes = row_sums(hashes.view(np.int64), words.offsets).view(np.uint64)
    return sums


def mixed(values: Hashes) -> Hashes:
    """Return the values with their bits mixed, by xor-shift and multiply: each depends on all."""
    found = np.empty_like(values)
    for begin in range(0, len(values), _BLOCK_WORDS):
        block = values[begin : begin + _BLOCK_WORDS]
        block = (block ^ (block >> _SHIFT)) * _MULTIPLIER
        block = (block ^ (block >> _SHIFT)) * _MULTIPLIER
        found[begin : begin + _BLOCK_WORDS] = block ^ (block >> _SHIFT)
    return found
