"""The arrangement of a map: fitted to a sample of its texts, then applied to all texts in order."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from app.maps.clusters import Cluster, Labels, describe_clusters, find_clusters, nearest_cluster
from app.maps.description import MapParameters
from app.maps.embed import Embedder, Vectors, make_embedder
from app.maps.projection import Coordinates, Projection, fit_projection
from app.maps.sampling import RowNumbers, spread_evenly, take_rows

EMBED_BATCH_ROWS = 512
"""Number of texts that are embedded at once."""


class Arrangement:
    """Gives the texts of a map their coordinates and clusters, batch by batch.

    Attributes:
        clusters: The clusters, in the order of their labels.
        package: Name of the package that embeds texts.
    """

    def __init__(
        self,
        embedder: Embedder,
        projection: Projection,
        clusters: Sequence[Cluster],
        sample: RowNumbers,
        labels: Labels,
    ) -> None:
        """Arrange texts by what was fitted to the sample.

        Args:
            embedder: Embedder, fitted to the sample.
            projection: Projection, fitted to the sample.
            clusters: Clusters of the sample, in the order of their labels.
            sample: Row numbers of the sample among all texts of the map.
            labels: Cluster label of each text of the sample.
        """
        self.clusters = clusters
        self.package = embedder.package
        self._embedder = embedder
        self._projection = projection
        self._sample = sample
        self._labels = labels
        self._next = 0

    def place(self, texts: Sequence[str]) -> tuple[Coordinates, Labels]:
        """Return the coordinates and the cluster labels of the next texts of the map."""
        start, end = self._next, self._next + len(texts)
        self._next = end
        first, last = np.searchsorted(self._sample, (start, end))
        known = self._sample[first:last] - start
        coordinates = np.empty((len(texts), 2), np.float32)
        labels = np.empty(len(texts), np.int64)
        coordinates[known] = self._projection.sample_coordinates[first:last]
        labels[known] = self._labels[first:last]
        others = np.setdiff1d(np.arange(len(texts)), known)
        if len(others):
            vectors = _embed(self._embedder, [texts[index] for index in others])
            coordinates[others] = self._projection.project(vectors)
            labels[others] = nearest_cluster(
                self._projection.sample_coordinates, self._labels, coordinates[others]
            )
        return coordinates, labels


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
    texts = [
        text for batch in take_rows(read(), sample) for text in batch.column("text").to_pylist()
    ]
    embedder = make_embedder(parameters.embedding)
    embedder.fit(texts, parameters.seed)
    projection = fit_projection(_embed(embedder, texts), parameters.seed)
    labels = find_clusters(projection.sample_coordinates)
    clusters = describe_clusters(projection.sample_coordinates, labels, texts)
    return Arrangement(embedder, projection, clusters, sample, labels)


def _embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    parts = [
        embedder.embed(texts[start : start + EMBED_BATCH_ROWS])
        for start in range(0, len(texts), EMBED_BATCH_ROWS)
    ]
    return np.concatenate(parts)
