"""Finds among known rows the ones that are likely most alike to another row.

Thousands of rows of one template share most of their bands, so a row can't be compared with all
that share one with it. Those that share the rarest bands are ranked, and only the first are
returned; so each row costs the same, however many rows there are.
"""

from array import array
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Hashes, Ints

MAX_RANKED: Final = 32
"""Number of known rows that are ranked, those of the smallest buckets first."""
MAX_COMPARED: Final = 8
"""Number of known rows that a row is compared with."""
_MAP_BITS: Final = 1 << 11


class Neighbours:
    """Known rows, each with some sets of shingles, such as that of its prompt and its answer."""

    def __init__(self, sets: int) -> None:
        """Know no row yet.

        Args:
            sets: Number of sets of each row.
        """
        self._sets: list[Sequence[Hashes]] = []
        self._by_bucket: defaultdict[Hashable, array[int]] = defaultdict(lambda: array("q"))
        # Of the first rows: they are measured only once there are so many that they are ranked.
        self._measured = 0
        self._sizes = np.zeros((0, sets), np.int64)
        self._maps = np.zeros((0, sets, _MAP_BITS // 64), np.uint64)

    def add(self, sets: Sequence[Hashes], buckets: Iterable[Hashable]) -> None:
        """Add a row, whose place is the number of rows that were added before.

        Args:
            sets: The shingles of each of its texts.
            buckets: What it shares with rows that may be alike.
        """
        self._sets.append(sets)
        for bucket in buckets:
            self._by_bucket[bucket].append(len(self._sets) - 1)

    def likeliest(self, sets: Sequence[Hashes], buckets: Iterable[Hashable]) -> list[int]:
        """Return the places of the rows that are likely most alike, ascending.

        They are at most `MAX_COMPARED`, share a bucket, and have the smallest share of shingles
        that only one row has.

        Args:
            sets: The shingles of each text of a row, as many as those of each known row.
            buckets: The buckets of the row.
        """
        places = self._sharing(buckets)
        if len(places) <= MAX_COMPARED:
            return places
        self._measure()
        different = np.bitwise_count(self._maps[places] ^ _bit_maps(sets)).sum(-1, np.int64)
        together = self._sizes[places] + _sizes(sets)
        unlike = (different / together).max(axis=-1)
        best = np.argsort(unlike, kind="stable")[:MAX_COMPARED]
        return [places[index] for index in np.sort(best).tolist()]

    def _sharing(self, buckets: Iterable[Hashable]) -> list[int]:
        """Return the places of the rows to rank, ascending."""
        shared = filter(None, map(self._by_bucket.get, buckets))
        found: set[int] = set()
        for places in sorted(shared, key=len):
            found.update(places[: MAX_RANKED - len(found)])
        return sorted(found)

    def _measure(self) -> None:
        """Measure the rows that were added since the last call."""
        if len(self._sets) > len(self._sizes):
            more = len(self._sets)
            self._sizes, self._maps = (
                np.concatenate([grown, np.zeros((more, *grown.shape[1:]), grown.dtype)])
                for grown in (self._sizes, self._maps)
            )
        for place in range(self._measured, len(self._sets)):
            self._sizes[place] = _sizes(self._sets[place])
            self._maps[place] = _bit_maps(self._sets[place])
        self._measured = len(self._sets)


def _sizes(sets: Sequence[Hashes]) -> Ints:
    return np.array([len(each) for each in sets])


def _bit_maps(sets: Sequence[Hashes]) -> NDArray[np.uint64]:
    """Return a bit map of each set, in which each of its shingles sets a bit.

    Each bit that differs between two maps stands for a shingle that only one of the sets has
    (Sandes, Teodoro and Melo, "Bitmap filter: speeding up exact set similarity joins", 2020).
    """
    bits = np.zeros((len(sets), _MAP_BITS), np.bool_)
    for its_bits, shingles in zip(bits, sets, strict=True):
        its_bits[(shingles % np.uint64(_MAP_BITS)).astype(np.intp)] = True
    return np.packbits(bits, axis=1).view(np.uint64)
