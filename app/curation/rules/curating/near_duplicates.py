"""Finds near duplicates among candidates, by their exact Jaccard similarity."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.errors import TextsMissing
from app.curation.rules.curating.arrays import Hashes, Ints, one_array
from app.curation.rules.curating.candidates import Candidates
from app.curation.rules.curating.shingles import distinct_sets, jaccard, shingles_of
from app.curation.rules.interface import TextReader

CHUNK_WORDS: Final = 1 << 25
"""Words of candidates that are read at a time: their shingles take 256 MiB."""

# In the bit map of a set, each shingle sets a bit. With four bits a shingle, few set the same one.
_MAP_BITS_PER_WORD: Final = 4
_MIN_MAP_BITS: Final = 1 << 10
_MAX_MAP_BITS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A row that is dropped as a near duplicate.

    Attributes:
        row: Index of the row.
        kept_row: Index of the row that is kept instead: the first that is similar enough.
        similarity: The Jaccard similarity of the two rows.
    """

    row: int
    kept_row: int
    similarity: float


def near_duplicates(
    candidates: Candidates, ids: pa.Array, words: Ints, read_texts: TextReader, threshold: float
) -> Iterator[NearDuplicate]:
    """Yield the rows that are near duplicates of a kept row.

    A row is dropped exactly if an earlier row is kept, shares a band with it, and has a similarity
    of at least `threshold` with it. Memory holds the shingles of a chunk of candidates, and of the
    kept rows of one group.

    Args:
        candidates: The candidates among rows that are in order of preference.
        ids: The contribution_id of every row.
        words: Number of words of every row.
        read_texts: Reads conversations.
        threshold: The least similarity of near duplicates, over 0 and up to 1.

    Raises:
        TextsMissing: Texts of candidates weren't found.
    """
    kept, group = _KeptRows(threshold, _MIN_MAP_BITS), -1
    lengths = words[candidates.rows]
    for start, end in _chunks(lengths):
        sets = _sets(ids.take(pa.array(candidates.rows[start:end])), read_texts)
        for candidate, shingles in zip(range(start, end), sets, strict=True):
            if candidates.groups[candidate] != group:
                group = candidates.groups[candidate]
                end_of_group = np.searchsorted(candidates.groups, group, side="right")
                kept = _KeptRows(threshold, _map_bits(lengths[candidate:end_of_group]))
            first, last = candidates.offsets[candidate], candidates.offsets[candidate + 1]
            row, buckets = int(candidates.rows[candidate]), candidates.buckets[first:last].tolist()
            found = kept.similar(shingles, buckets)
            if found is None:
                kept.add(row, shingles, buckets)
            else:
                yield NearDuplicate(row, *found)


def _chunks(words: Ints) -> Iterator[tuple[int, int]]:
    """Return where chunks of about `CHUNK_WORDS` begin and end, as indices of candidates."""
    chunk_of = np.cumsum(words) // CHUNK_WORDS
    bounds = [0, *(np.flatnonzero(np.diff(chunk_of)) + 1).tolist(), len(words)]
    return (bounds_of for bounds_of in pairwise(bounds) if bounds_of[0] < bounds_of[1])


def _map_bits(words: Ints) -> int:
    """Return the number of bits of the bit maps of a group, a power of two.

    Args:
        words: Number of words of each row of the group.
    """
    wanted = _MAP_BITS_PER_WORD * int(np.median(words))
    return min(max(1 << wanted.bit_length(), _MIN_MAP_BITS), _MAX_MAP_BITS)


def _sets(ids: pa.Array, read_texts: TextReader) -> list[Hashes]:
    """Return the set of shingles of each row with one of these ids, in the order of the ids."""
    wanted = ids.to_pylist()
    places = {contribution_id: place for place, contribution_id in enumerate(wanted)}
    sets: list[Hashes | None] = [None] * len(wanted)
    for batch in read_texts(wanted):
        found = distinct_sets(shingles_of(batch.column("conversation")))
        for contribution_id, shingles in zip(
            one_array(batch.column("contribution_id")).to_pylist(), found, strict=True
        ):
            sets[places[contribution_id]] = shingles
    missing = [wanted[place] for place, shingles in enumerate(sets) if shingles is None]
    if missing:
        raise TextsMissing(missing)
    return [shingles for shingles in sets if shingles is not None]


class _KeptRows:
    """The kept rows of a group of candidates, in order of preference."""

    def __init__(self, threshold: float, map_bits: int) -> None:
        self._threshold = threshold
        self._map_bits = map_bits
        self._rows: list[int] = []
        self._sets: list[Hashes] = []
        self._sizes = np.zeros(0, np.int64)
        self._maps = np.zeros((0, map_bits // 64), np.uint64)
        self._by_bucket: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))

    def similar(self, shingles: Hashes, buckets: Sequence[int]) -> tuple[int, float] | None:
        """Return the first kept row that is similar enough, and its similarity; None if none is."""
        for place in self._possibly_similar(shingles, self._sharing(buckets)).tolist():
            similarity = jaccard(shingles, self._sets[place])
            if similarity >= self._threshold:
                return self._rows[place], similarity
        return None

    def add(self, row: int, shingles: Hashes, buckets: Sequence[int]) -> None:
        """Keep a row."""
        place = len(self._rows)
        if place == len(self._sizes):
            more = max(place, 4)
            self._sizes = np.concatenate([self._sizes, np.zeros(more, np.int64)])
            self._maps = np.concatenate(
                [self._maps, np.zeros((more, self._map_bits // 64), np.uint64)]
            )
        self._rows.append(row)
        self._sets.append(shingles)
        self._sizes[place] = len(shingles)
        self._maps[place] = self._bit_map(shingles)
        for bucket in buckets:
            self._by_bucket[bucket].append(place)

    def _sharing(self, buckets: Sequence[int]) -> NDArray[np.intp]:
        """Return the places of the kept rows that are in one of these buckets, ascending."""
        is_sharing = np.zeros(len(self._rows), np.bool_)
        for bucket in buckets:
            if bucket in self._by_bucket:
                is_sharing[np.array(self._by_bucket[bucket])] = True
        return np.flatnonzero(is_sharing)

    def _possibly_similar(self, shingles: Hashes, kept: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return those of the kept rows whose similarity may reach the threshold.

        Each bit that differs between two bit maps stands for a shingle that only one of the sets
        has. That gives an upper bound of the similarity, which spares intersecting most sets that
        aren't near duplicates (Sandes, Teodoro and Melo, "Bitmap filter: speeding up exact set
        similarity joins", 2020).
        """
        if len(kept) == 0:
            return kept
        sizes = self._sizes[kept]
        different = np.abs(sizes - len(shingles))
        kept = kept[_bound(sizes + len(shingles), different) >= self._threshold]
        bits = np.bitwise_count(self._maps[kept] ^ self._bit_map(shingles))
        together = self._sizes[kept] + len(shingles)
        return kept[_bound(together, bits.sum(axis=1, dtype=np.int64)) >= self._threshold]

    def _bit_map(self, shingles: Hashes) -> Hashes:
        bits = np.zeros(self._map_bits, np.bool_)
        bits[(shingles % np.uint64(self._map_bits)).astype(np.intp)] = True
        return np.packbits(bits).view(np.uint64)


def _bound(together: Ints, different: Ints) -> NDArray[np.float64]:
    """Return an upper bound of the Jaccard similarity of two sets.

    Args:
        together: The sum of their sizes.
        different: The least number of elements that only one of them has.
    """
    shared = (together - different) // 2
    return shared / (together - shared)
