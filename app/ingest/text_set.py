"""A large set of texts in little memory, for telling quickly whether a text is in it."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BUCKET_BITS: Final = 16
_SHIFT: Final = 64 - _BUCKET_BITS
_MASK: Final = (1 << 64) - 1

_Hashes = NDArray[np.uint64]
NO_HASHES: Final[_Hashes] = np.zeros(0, np.uint64)


class TextSet:
    """A set of texts, of which it keeps the hashes of 64 bits, sorted: 8 bytes for each text.

    The hashes are Python's own, which are keyed by a random number of the process: nobody can make
    a text that has the hash of another one. Of a set of two million texts, one text in ten million
    million is taken for a member that isn't one.

    An index over the first bits of the hashes keeps a search within a few neighbours, which takes a
    third of the time of a search over all.
    """

    def __init__(self, hashes: _Hashes = NO_HASHES) -> None:
        """Make a set.

        Args:
            hashes: What `hashes_of` returned for the texts, in any order.
        """
        self._hashes = np.unique(hashes)
        bounds = np.arange(1 << _BUCKET_BITS, dtype=np.uint64) << np.uint64(_SHIFT)
        starts = np.append(np.searchsorted(self._hashes, bounds), len(self._hashes))
        # Reading from a view takes a fifth of the time of reading from an array.
        self._sorted, self._starts = self._hashes.data, starts.data

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, text: object) -> bool:
        wanted = hash(text) & _MASK
        bucket = wanted >> _SHIFT
        end = self._starts[bucket + 1]
        place = bisect_left(self._sorted, wanted, self._starts[bucket], end)
        return place < end and self._sorted[place] == wanted

    def with_more(self, hashes: _Hashes) -> "TextSet":
        """Return the set of these texts and others, given the hashes of the others."""
        return TextSet(np.concatenate([self._hashes, hashes])) if len(hashes) else self

    def are_in(self, texts: Iterable[str | None]) -> NDArray[np.bool_]:
        """Tell for each text whether it is in the set."""
        hashes = hashes_of(texts)
        places = np.searchsorted(self._hashes, hashes)
        # The search returns a place after the end for what is above all.
        nearest = np.append(self._hashes, np.uint64(0))[places]
        return np.equal(nearest, hashes) & np.less(places, len(self._hashes))


def hashes_of(texts: Iterable[str | None]) -> _Hashes:
    """Return the hashes of texts, which hold in this process alone."""
    return np.fromiter(map(hash, texts), np.int64).view(np.uint64)
