"""The nearest vectors of a sample: found exactly, by comparing with all of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from app.maps.points.embed import Vectors


@dataclass(frozen=True, slots=True)
class NearestVectors:
    """The nearest vectors of a sample for each of some vectors.

    Attributes:
        rows: Numbers of the sample's vectors, nearest first: a row for each vector.
        distances: The Euclidean distances to them, in the same shape.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float32]


class NeighbourIndex:
    """Finds the nearest vectors of a sample."""

    def __init__(self, sample: Vectors) -> None:
        """Search in a sample of at least one vector."""
        from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  # takes a second

        self._rows = len(sample)
        self._index: Any = NearestNeighbors(algorithm="brute").fit(sample)

    def nearest(self, vectors: Vectors, number: int) -> NearestVectors:
        """Return the nearest vectors of the sample, all of them if it has fewer than `number`."""
        # The number of threads would decide which of equally near vectors are found.
        with threadpool_limits(1):
            distances, rows = self._index.kneighbors(vectors, min(number, self._rows))
        return NearestVectors(rows, distances.astype(np.float32))
