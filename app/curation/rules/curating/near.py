"""Near duplicates among suspects, verified by exact Jaccard in order of preference."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.pipeline.functions import Texts
from app.curation.rules.curating.shingles import distinct_sets, jaccard, shingles_of
from app.curation.rules.curating.suspects import Suspects
from app.curation.rules.curating.words import Hashes, Ints, one_array
from catalog.errors import LakeError

CHUNK_WORDS: Final = 1 << 25
"""Texts of suspects are read so many words at a time: their shingles take 256 MiB."""

# A bit map of a set has the bit of each shingle's hash. With four bits for each, few fall together.
_MAP_BITS_PER_WORD: Final = 4
_MIN_MAP_BITS: Final = 1 << 10
_MAX_MAP_BITS: Final = 1 << 16


class TextsMissing(LakeError):
    """Rows of a stage weren't found again."""

    def __init__(self, contribution_ids: Sequence[str]) -> None:
        super().__init__(f"{len(contribution_ids)} rows of the stage weren't found again")
        self.contribution_ids = tuple(contribution_ids)


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A row that is left out.

    Attributes:
        row: The row.
        kept_row: The one that is kept, the most preferred of those that are similar enough.
        similarity: Their Jaccard similarity.
    """

    row: int
    kept_row: int
    similarity: float


def near_duplicates(
    suspects: Suspects, ids: pa.Array, words: Ints, texts: Texts, threshold: float
) -> Iterator[NearDuplicate]:
    """Yield the rows that are near duplicates of a row that is kept.

    A row is left out exactly if its similarity with a row that comes before it, shares a band with
    it and is kept, is at least `threshold`. Memory holds the shingles of a chunk of suspects and of
    those that are kept in the group at hand.

    Args:
        suspects: The suspects of rows in order of preference.
        ids: The contribution_id of every row.
        words: How many words every row has.
        texts: Reads texts.
        threshold: The least similarity of near duplicates, over 0 and up to 1.

    Raises:
        TextsMissing: Texts of suspects weren't found.
    """
    kept, group = _Kept(threshold, _MIN_MAP_BITS), -1
    lengths = words[suspects.rows]
    for start, end in _chunks(lengths):
        sets = _sets(ids.take(pa.array(suspects.rows[start:end])), texts)
        for suspect, shingles in zip(range(start, end), sets, strict=True):
            if suspects.groups[suspect] != group:
                group = suspects.groups[suspect]
                last_of_group = np.searchsorted(suspects.groups, group, side="right")
                kept = _Kept(threshold, _map_bits(lengths[suspect:last_of_group]))
            first, last = suspects.offsets[suspect], suspects.offsets[suspect + 1]
            row, buckets = int(suspects.rows[suspect]), suspects.buckets[first:last].tolist()
            found = kept.similar(shingles, buckets)
            if found is None:
                kept.add(row, shingles, buckets)
            else:
                yield NearDuplicate(row, *found)


def _chunks(words: Ints) -> Iterator[tuple[int, int]]:
    """Return where chunks of `CHUNK_WORDS` begin and end."""
    chunk_of = np.cumsum(words) // CHUNK_WORDS
    bounds = [0, *(np.flatnonzero(np.diff(chunk_of)) + 1).tolist(), len(words)]
    return (bounds_of for bounds_of in pairwise(bounds) if bounds_of[0] < bounds_of[1])


def _map_bits(words: Ints) -> int:
    """Return how many bits the maps of a group have, a power of two, by its rows' words."""
    wanted = _MAP_BITS_PER_WORD * int(np.median(words))
    return min(max(1 << wanted.bit_length(), _MIN_MAP_BITS), _MAX_MAP_BITS)


def _sets(ids: pa.Array, texts: Texts) -> list[Hashes]:
    """Return the distinct shingles of the rows with these ids, in their order."""
    wanted = ids.to_pylist()
    places = {contribution_id: place for place, contribution_id in enumerate(wanted)}
    sets: list[Hashes | None] = [None] * len(wanted)
    for batch in texts(wanted):
        found = distinct_sets(shingles_of(batch.column("conversation")))
        for contribution_id, shingles in zip(
            one_array(batch.column("contribution_id")).to_pylist(), found, strict=True
        ):
            sets[places[contribution_id]] = shingles
    missing = [wanted[place] for place, shingles in enumerate(sets) if shingles is None]
    if missing:
        raise TextsMissing(missing)
    return [shingles for shingles in sets if shingles is not None]


class _Kept:
    """The kept suspects of a group, in order of preference."""

    def __init__(self, threshold: float, map_bits: int) -> None:
        self._threshold = threshold
        self._map_bits = map_bits
        self._rows: list[int] = []
        self._sets: list[Hashes] = []
        self._sizes = np.zeros(0, np.int64)
        self._maps = np.zeros((0, map_bits // 64), np.uint64)
        self._by_bucket: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))

    def similar(self, shingles: Hashes, buckets: Sequence[int]) -> tuple[int, float] | None:
        """Return the first kept row that is similar enough, and its similarity."""
        for place in self._possible(shingles, self._candidates(buckets)).tolist():
            similarity = jaccard(shingles, self._sets[place])
            if similarity >= self._threshold:
                return self._rows[place], similarity
        return None

    def add(self, row: int, shingles: Hashes, buckets: Sequence[int]) -> None:
        """Keep a row."""
        place = len(self._rows)
        if place == len(self._sizes):
            room = max(place, 4)
            self._sizes = np.concatenate([self._sizes, np.zeros(room, np.int64)])
            self._maps = np.concatenate(
                [self._maps, np.zeros((room, self._map_bits // 64), np.uint64)]
            )
        self._rows.append(row)
        self._sets.append(shingles)
        self._sizes[place] = len(shingles)
        self._maps[place] = self._bit_map(shingles)
        for bucket in buckets:
            self._by_bucket[bucket].append(place)

    def _candidates(self, buckets: Sequence[int]) -> NDArray[np.intp]:
        """Return the kept ones that share a bucket, ascending."""
        candidate = np.zeros(len(self._rows), np.bool_)
        for bucket in buckets:
            if bucket in self._by_bucket:
                candidate[np.array(self._by_bucket[bucket])] = True
        return np.flatnonzero(candidate)

    def _possible(self, shingles: Hashes, candidates: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the candidates that may be similar enough.

        A bit that one of two maps has is a shingle that only one of the sets has, and two such bits
        are two. So there is an upper bound to the similarity, which spares counting most of those
        that aren't near duplicates (Sandes, Teodoro and Melo, "Bitmap filter: speeding up exact set
        similarity joins", 2020).
        """
        if len(candidates) == 0:
            return candidates
        sizes = self._sizes[candidates]
        different = np.abs(sizes - len(shingles))
        candidates = candidates[_bound(sizes + len(shingles), different) >= self._threshold]
        bits = np.bitwise_count(self._maps[candidates] ^ self._bit_map(shingles))
        together = self._sizes[candidates] + len(shingles)
        return candidates[_bound(together, bits.sum(axis=1, dtype=np.int64)) >= self._threshold]

    def _bit_map(self, shingles: Hashes) -> Hashes:
        bits = np.zeros(self._map_bits, np.bool_)
        bits[(shingles % np.uint64(self._map_bits)).astype(np.intp)] = True
        return np.packbits(bits).view(np.uint64)


def _bound(together: Ints, different: Ints) -> NDArray[np.float64]:
    """Return the highest similarity of two sets.

    Args:
        together: The sum of their sizes.
        different: How many elements at least only one of them has.
    """
    shared = (together - different) // 2
    return shared / (together - shared)
