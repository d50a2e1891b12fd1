"""Suspects: rows that share a band of their MinHash signature with another row."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from app.curation.rules.curating.minhash import BANDS
from app.curation.rules.curating.words import Ints, numpy, offsets_of, one_array


@dataclass(frozen=True, slots=True)
class Suspects:
    """Rows that may be near duplicates.

    Attributes:
        rows: Which rows they are: those of a group together, in each group ascending.
        groups: The number of each suspect's group, ascending. Suspects of two groups share no band,
            not even by way of others.
        buckets: What every suspect shares with another one, one suspect's after another's.
        offsets: Where the buckets of each suspect begin, and the end.
    """

    rows: Ints
    groups: Ints
    buckets: Ints
    offsets: Ints


def find_suspects(bands: pa.Array | pa.ChunkedArray) -> Suspects:
    """Find the suspects among rows by their bands, as `minhash.bands` makes them.

    Args:
        bands: 25 hashes of each row.
    """
    values = numpy(pc.list_flatten(one_array(bands))).reshape(-1, BANDS)
    rows, buckets = _shared(values)
    suspects, numbers = np.unique(rows, return_inverse=True)
    groups = _groups(numbers, buckets, len(suspects))
    # From here on suspects are numbered group by group.
    order = np.lexsort([suspects, groups])
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    by_suspect = np.argsort(places[numbers], kind="stable")
    lengths = np.bincount(numbers, minlength=len(suspects))[order]
    return Suspects(suspects[order], groups[order], buckets[by_suspect], offsets_of(lengths))


def _shared(values: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Return pairs of a row and a bucket: a hash of a band that the row isn't alone with."""
    rows, buckets, known = [], [], 0
    for band in range(BANDS):
        _, places, counts = np.unique(values[:, band], return_inverse=True, return_counts=True)
        numbers = np.cumsum(counts > 1) - 1 + known
        shared = np.flatnonzero(counts[places] > 1)
        rows.append(shared)
        buckets.append(numbers[places[shared]])
        known += int(np.count_nonzero(counts > 1))
    return np.concatenate(rows), np.concatenate(buckets)


def _groups(suspects: Ints, buckets: Ints, number: int) -> Ints:
    """Return the connected component of each suspect in the graph of suspects and buckets."""
    nodes = number + (int(buckets.max()) + 1 if len(buckets) else 0)
    edges = (np.ones(len(suspects), np.int8), (suspects, buckets + number))
    _, labels = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)
    return np.asarray(labels[:number], np.int64)
