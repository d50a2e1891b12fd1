"""The arrangement of a map: fitted to a sample of its texts, then applied to all texts in order."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from app.maps.clusters.finding import Cluster, Labels, describe_clusters, find_clusters
from app.maps.description import MapParameters
from app.maps.points.embed import Embedder, Vectors, make_embedder
from app.maps.points.neighbours import NeighbourIndex
from app.maps.points.projection import PROJECTION_NEIGHBOURS, Coordinates, project
from app.maps.points.sampling import RowNumbers, spread_evenly, take_rows
from app.maps.texts import SAID

EMBED_BATCH_ROWS = 512
"""Number of texts that are embedded at once."""
_PLACING_NEIGHBOURS: Final = 5
"""Number of texts of the sample that decide where another text is."""
_LEAST_DISTANCE: Final = 1e-3
"""Distance below which vectors count as equally near."""


class Arrangement:
    """Gives the texts of a map their coordinates and clusters, batch by batch.

    Attributes:
        clusters: The clusters of each level, in the order of their labels.
        package: Name of the package that embeds texts.
    """

    def __init__(
        self,
        embedder: Embedder,
        index: NeighbourIndex,
        sample: RowNumbers,
        coordinates: Coordinates,
        labels: Labels,
        clusters: Sequence[Sequence[Cluster]],
    ) -> None:
        """Arrange texts by what was fitted to the sample.

        Args:
            embedder: Embedder, fitted to the sample.
            index: Index of the sample's vectors.
            sample: Row numbers of the sample among all texts of the map.
            coordinates: Coordinates of the sample.
            labels: Clusters of the sample.
            clusters: Clusters of each level, in the order of their labels.
        """
        self.clusters = clusters
        self.package = embedder.package
        self._embedder = embedder
        self._index = index
        self._sample = sample
        self._coordinates = coordinates
        self._labels = labels
        self._next = 0

    def place(self, texts: Sequence[str]) -> tuple[Coordinates, Labels]:
        """Return the coordinates and the clusters of the next texts of the map."""
        start, end = self._next, self._next + len(texts)
        self._next = end
        first, last = np.searchsorted(self._sample, (start, end))
        known = self._sample[first:last] - start
        coordinates = np.empty((len(texts), 2), np.float32)
        labels = np.empty((len(texts), self._labels.shape[1]), np.int64)
        coordinates[known] = self._coordinates[first:last]
        labels[known] = self._labels[first:last]
        others = np.setdiff1d(np.arange(len(texts)), known)
        if len(others):
            vectors = _embed(self._embedder, [texts[index] for index in others])
            coordinates[others], labels[others] = self._place(vectors)
        return coordinates, labels

    def _place(self, vectors: Vectors) -> tuple[Coordinates, Labels]:
        """Return the coordinates and the clusters of vectors that aren't in the sample.

        The nearest vectors of the sample vote on the finest cluster, nearer ones with more weight.
        A vector is then placed amid those of them that are in it, so that none is placed between
        clusters.
        """
        nearest = self._index.nearest(vectors, _PLACING_NEIGHBOURS)
        weights = 1 / np.maximum(nearest.distances, _LEAST_DISTANCE)
        finest = self._labels[nearest.rows, -1]
        agree = finest[:, :, None] == finest[:, None, :]
        each = np.arange(len(vectors))
        # The nearest one in the chosen cluster.
        chosen = (agree * weights[:, None, :]).sum(axis=2).argmax(axis=1)
        weights = weights * agree[each, chosen]
        weights /= weights.sum(axis=1, keepdims=True)
        coordinates = (self._coordinates[nearest.rows] * weights[:, :, None]).sum(axis=1)
        return coordinates, self._labels[nearest.rows[each, chosen]]


def arrange(
    read: Callable[[], Iterator[pa.RecordBatch]], rows: int, parameters: MapParameters
) -> Arrangement:
    """Fit an arrangement to a sample of texts.

    Args:
        read: Returns batches with a column `text`, which has all texts of the map in order.
        rows: Number of texts; at least one.
        parameters: Parameters of the map.

    Raises:
        EmbeddingUnavailable: The embedding's package isn't installed.
    """
    sample = spread_evenly(rows, parameters.fit_rows)
    texts = [text for batch in take_rows(read(), sample) for text in batch.column(SAID).to_pylist()]
    embedder = make_embedder(parameters.embedding)
    embedder.fit(texts, parameters.seed)
    vectors = _embed(embedder, texts)
    index = NeighbourIndex(vectors)
    neighbours = index.nearest(vectors, PROJECTION_NEIGHBOURS)
    coordinates = project(vectors, neighbours, parameters.seed)
    labels = find_clusters(vectors, coordinates)
    clusters = describe_clusters(coordinates, labels, texts)
    return Arrangement(embedder, index, sample, coordinates, labels, clusters)


def _embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    parts = [
        embedder.embed(texts[start : start + EMBED_BATCH_ROWS])
        for start in range(0, len(texts), EMBED_BATCH_ROWS)
    ]
    return np.concatenate(parts)
