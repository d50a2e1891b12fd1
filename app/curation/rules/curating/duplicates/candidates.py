"""Candidates: rows that share a band of their MinHash signature with another row.

One band of all rows is in memory at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from app.curation.rules.curating.arrays import Bools, Hashes, Ints

BandReader = Callable[[int], Ints]
"""Returns the hash of a band of every row, given the number of the band from 0 on."""
_MASK: Final = np.uint32


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows that may be near duplicates.

    Attributes:
        rows: Index of each candidate's row: group by group, and ascending within a group.
        groups: Number of each candidate's group, ascending. Candidates that share a band are in the
            same group, and so are all that are connected through others.
        shared: Which bands each candidate shares with another one: a bit for each, the lowest for
            the first band.
    """

    rows: Ints
    groups: Ints
    shared: NDArray[np.uint32]

    def starts(self) -> Ints:
        """Return the index of the first candidate of each group."""
        return np.flatnonzero(np.diff(self.groups, prepend=-1))

    def chosen(self, candidates: Bools) -> "Candidates":
        """Return some of the candidates, of whole groups."""
        return Candidates(self.rows[candidates], self.groups[candidates], self.shared[candidates])


def find_candidates(read_band: BandReader, bands: int, rows: int) -> Candidates:
    """Find the candidates among rows.

    Args:
        read_band: Reads a band.
        bands: Number of bands of every row, at most 32.
        rows: Number of rows.
    """
    shared = np.zeros(rows, _MASK)
    # The group of each row so far: the least row that it is connected with.
    groups: NDArray[np.integer] = np.arange(rows, dtype=np.int32)
    for band in range(bands):
        sharing, buckets = repeated(read_band(band))
        if len(sharing):
            shared[sharing] |= _MASK(1 << band)
            groups = _joined(groups, sharing, buckets)
    candidates = np.flatnonzero(shared)
    order = np.lexsort([candidates, groups[candidates]])
    candidates = candidates[order]
    return Candidates(candidates, groups[candidates].astype(np.int64), shared[candidates])


def repeated(values: Ints | Hashes) -> tuple[Ints, Ints]:
    """Return where values are that come more than once, and a number for each of these values.

    Returns:
        The indices, value by value, and for each index the number of its value, from 0 on.
    """
    order = np.argsort(values)
    ordered = values[order]
    is_first = np.ones(len(values), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    is_last = np.append(is_first[1:], np.True_)
    again = ~(is_first & is_last[: len(values)])
    return order[again], np.cumsum(is_first[again]) - 1


def _joined(groups: NDArray[np.integer], rows: Ints, buckets: Ints) -> NDArray[np.integer]:
    """Return the groups of all rows after some were joined by buckets.

    Args:
        groups: The least row of each row's group.
        rows: Rows that are in a bucket.
        buckets: The number of the bucket of each of these.
    """
    leasts, numbers = np.unique(groups[rows], return_inverse=True)
    labels = components(numbers, buckets + len(leasts), len(leasts) + int(buckets.max()) + 1)
    _, first, of_least = np.unique(labels[: len(leasts)], return_index=True, return_inverse=True)
    joined: NDArray[np.integer] = groups.copy()
    joined[leasts] = leasts[first[of_least]]
    # Rows pointed to the least row of their former group, which points to that of the joined one.
    of_rows: NDArray[np.integer] = joined[joined]
    return of_rows


def components(ends: Ints, other_ends: Ints, nodes: int) -> Ints:
    """Return the number of the component that each node of a graph is in.

    Args:
        ends: The node at one end of each edge.
        other_ends: The node at the other end of each edge.
        nodes: Number of nodes.
    """
    edges = (np.ones(len(ends), np.int8), (ends, other_ends))
    _, labels = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)
    return np.asarray(labels, np.int64)
