"""Candidates: rows that share a band of their MinHash signature with another row."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from app.curation.rules.curating.arrays import Ints, offsets_of, one_array, to_numpy

_NONE: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows that may be near duplicates.

    Attributes:
        rows: Index of each candidate's row: group by group, and ascending within a group.
        groups: Number of each candidate's group, ascending. Candidates that share a band are in the
            same group, and so are all that are connected through others.
        buckets: Numbers of the buckets of all candidates, one candidate after another. Rows with
            the same hash of the same band are in a bucket; buckets of one row are left out.
        offsets: The offsets of candidates into `buckets`, as in `arrays`.
    """

    rows: Ints
    groups: Ints
    buckets: Ints
    offsets: Ints


def find_candidates(bands: pa.Array | pa.ChunkedArray) -> Candidates:
    """Find the candidates among rows.

    Args:
        bands: The bands of each row, as many of every row.
    """
    values = to_numpy(pc.list_flatten(one_array(bands))).reshape(max(len(bands), 1), -1)
    rows, buckets = _shared(values)
    candidates, numbers = np.unique(rows, return_inverse=True)
    groups = _groups(numbers, buckets, len(candidates))
    # Number the candidates anew, group by group.
    order = np.lexsort([candidates, groups])
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    by_candidate = np.argsort(places[numbers], kind="stable")
    lengths = np.bincount(numbers, minlength=len(candidates))[order]
    return Candidates(candidates[order], groups[order], buckets[by_candidate], offsets_of(lengths))


def _shared(values: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Return pairs of a row and a bucket that it shares with another row, as two arrays."""
    rows, buckets, known = [_NONE], [_NONE], 0
    for band in values.T:
        ordered = np.sort(band)
        repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if not len(repeated):
            continue
        numbers = np.searchsorted(repeated, band).clip(max=len(repeated) - 1)
        shared = np.flatnonzero(repeated[numbers] == band)
        rows.append(shared)
        buckets.append(numbers[shared] + known)
        known += len(repeated)
    return np.concatenate(rows), np.concatenate(buckets)


def _groups(candidates: Ints, buckets: Ints, number: int) -> Ints:
    """Return the group of each candidate: its component in the graph of candidates and buckets.

    Args:
        candidates: The candidate of each pair of a candidate and a bucket.
        buckets: The bucket of each pair.
        number: Number of candidates.
    """
    nodes = number + (int(buckets.max()) + 1 if len(buckets) else 0)
    return components(candidates, buckets + number, nodes)[:number]


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
