"""MinHash signatures in bands: conversations that share a band may be near duplicates.

Broder, "On the resemblance and containment of documents", 1997; bands as in section 3.4 of
Leskovec, Rajaraman and Ullman, "Mining of massive datasets".

A band has minima of the prompts and of the answers, so conversations share one only if both are
alike: of pairs whose prompts and answers have Jaccard similarities of p and a, about
1 - (1 - p^2 a^3)^13 (1 - p^3 a^2)^12. That is 99.99 % where both are 0.8, 99 % where one is 0.5 and
the other 1, and none where one is 0. A band also has the numbers that are said, so conversations
with different numbers share none.
"""

from itertools import pairwise
from typing import Final

import mmh3
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Hashes, Ints, offsets_of, row_sums
from app.curation.rules.curating.shingles import (
    SIDES,
    HashLists,
    mixed,
    sequences,
    shingles_of,
    words_said,
)
from app.curation.rules.curating.words import Conversations, Words, turns_of
from catalog.stages.tables import COMPUTED_STAGES

BANDS: Final = 25
BAND_HASHES: Final = 5
_HASHES: Final = BANDS * BAND_HASHES
# Shingles that are computed at a time: these and what is computed from them fit a core's L2 cache.
BLOCK_SHINGLES: Final = 1 << 16
# The hash functions of prompts and of answers, every second one: a band has two of the one and
# three of the other.
_FUNCTIONS: Final = (np.arange(0, _HASHES, 2), np.arange(1, _HASHES, 2))
_TYPE: Final = COMPUTED_STAGES["cleaned"].arrow_schema.field("bands").type


def _constants(purpose: str, number: int) -> Hashes:
    """Return pseudo-random numbers, the same in every release."""
    return np.array(
        [mmh3.hash64(f"{purpose} {index}", signed=False)[0] for index in range(number)], np.uint64
    )


# x -> a x + b modulo 2^32 permutes 32-bit hashes if a is odd.
_FACTORS: Final = _constants("factor", _HASHES).astype(np.uint32) | np.uint32(1)
_SUMMANDS: Final = _constants("summand", _HASHES).astype(np.uint32)
_PLACES: Final = _constants("place", BAND_HASHES) | np.uint64(1)
_BAND_SALTS: Final = _constants("band", BANDS)


def bands(conversations: Conversations) -> pa.Array:
    """Return the 25 bands of each conversation's signature of 125 minima, each as a 64-bit hash.

    Returns:
        A list of 25 numbers for each conversation, of the type of the column `bands` of a stage.
        Only numbers at the same index in two lists may be compared.
    """
    turns = turns_of(conversations)
    minima = np.empty((_HASHES, len(turns.offsets) - 1), np.uint32)
    numbers = np.zeros(len(turns.offsets) - 1, np.uint64)
    for side, functions in zip(SIDES, _FUNCTIONS, strict=True):
        words = words_said(turns, side)
        minima[functions] = signatures(shingles_of(words), functions)
        numbers = mixed(numbers + _numbers(words))
    return _banded(minima, BANDS, numbers, _TYPE)


def text_bands(words: Words, number: int, hashes: int, kind: pa.DataType) -> pa.Array:
    """Return the bands of the signature of each text, which also have the text's numbers.

    Args:
        words: The words of the texts.
        number: Number of bands, at most 25.
        hashes: Number of minima in each of them, at most 5.
        kind: Type of the result, a large list of numbers.
    """
    minima = signatures(shingles_of(words), np.arange(number * hashes))
    return _banded(minima, number, mixed(_numbers(words)), kind)


def _banded(
    minima: NDArray[np.uint32], number: int, numbers: Hashes, kind: pa.DataType
) -> pa.Array:
    """Return the hashes of bands, given minima as functions by rows, and a summand of each row."""
    by_band = minima.reshape(number, len(minima) // number, minima.shape[1]).astype(np.uint64)
    combined = np.einsum("bhn,h->nb", by_band, _PLACES[: by_band.shape[1]])
    hashes = mixed(combined + _BAND_SALTS[:number] + numbers[:, np.newaxis])
    values = pa.array(hashes.view(np.int64).ravel(), pa.int64())
    offsets = pa.array(np.arange(0, len(values) + 1, number), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, values, type=kind)


def signatures(shingles: HashLists, functions: Ints) -> NDArray[np.uint32]:
    """Return signatures of rows: the least value of each hash function over a row's shingles.

    The hash functions have 32 bits, since twice as many of these fit an instruction.

    Args:
        shingles: The shingles of each row.
        functions: The numbers of the hash functions, below 125.

    Returns:
        An array of functions by rows.
    """
    rows = len(shingles.offsets) - 1
    minima = np.empty((len(functions), rows), np.uint32)
    cuts = np.arange(0, shingles.offsets[-1] + BLOCK_SHINGLES, BLOCK_SHINGLES)
    bounds = np.unique(np.searchsorted(shingles.offsets, cuts).clip(max=rows))
    for start, end in pairwise(bounds.tolist()):
        first, last = shingles.offsets[start], shingles.offsets[end]
        block = (shingles.hashes[first:last] >> np.uint64(32)).astype(np.uint32)
        begins = shingles.offsets[start:end] - first
        values = np.empty_like(block)
        for place, function in enumerate(functions.tolist()):
            np.multiply(block, _FACTORS[function], out=values)
            values += _SUMMANDS[function]
            minima[place, start:end] = np.minimum.reduceat(values, begins)
    return minima


def _numbers(words: Words) -> Hashes:
    """Return a hash for each text of its words with digits, in their order; 0 without any."""
    have_digits = words.have_digits()
    offsets = offsets_of(row_sums(have_digits, words.offsets))
    return sequences(HashLists(words.hashes()[have_digits], offsets))
