"""MinHash signatures in bands: conversations that share a band may be near duplicates.

Broder, "On the resemblance and containment of documents", 1997; bands as in section 3.4 of
Leskovec, Rajaraman and Ullman, "Mining of massive datasets".

Of pairs with a Jaccard similarity of s, 1 - (1 - s^5)^25 share a band: 99 % at 0.7, 99.99 % at 0.8,
and 6 % at 0.3.
"""

from itertools import pairwise
from typing import Final

import mmh3
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Hashes
from app.curation.rules.curating.shingles import HashLists, mixed, shingles_of
from catalog.stages import COMPUTED_STAGES

BANDS: Final = 25
BAND_HASHES: Final = 5
_HASHES: Final = BANDS * BAND_HASHES
# Shingles that are computed at a time: these and what is computed from them fit a core's L2 cache.
BLOCK_SHINGLES: Final = 1 << 16
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


def bands(conversations: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the 25 bands of each conversation's signature of 125 minima, each as a 64-bit hash.

    Returns:
        A list of 25 numbers for each conversation, of the type of the column `bands` of a stage.
        Only numbers at the same index in two lists may be compared.
    """
    minima = signatures(shingles_of(conversations))
    by_band = minima.reshape(BANDS, BAND_HASHES, -1).astype(np.uint64)
    hashes = np.einsum("bhn,h->nb", by_band, _PLACES) + _BAND_SALTS
    values = pa.array(mixed(hashes).view(np.int64).ravel(), pa.int64())
    offsets = pa.array(np.arange(0, len(values) + 1, BANDS), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, values, type=_TYPE)


def signatures(shingles: HashLists) -> NDArray[np.uint32]:
    """Return the signatures of rows: the least value of each hash function over a row's shingles.

    The hash functions have 32 bits, since twice as many of these fit an instruction.

    Returns:
        An array of 125 functions by rows.
    """
    rows = len(shingles.offsets) - 1
    minima = np.empty((_HASHES, rows), np.uint32)
    cuts = np.arange(0, shingles.offsets[-1] + BLOCK_SHINGLES, BLOCK_SHINGLES)
    bounds = np.unique(np.searchsorted(shingles.offsets, cuts).clip(max=rows))
    for start, end in pairwise(bounds.tolist()):
        first, last = shingles.offsets[start], shingles.offsets[end]
        block = (shingles.hashes[first:last] >> np.uint64(32)).astype(np.uint32)
        begins = shingles.offsets[start:end] - first
        values = np.empty_like(block)
        for function in range(_HASHES):
            np.multiply(block, _FACTORS[function], out=values)
            values += _SUMMANDS[function]
            minima[function, start:end] = np.minimum.reduceat(values, begins)
    return minima
