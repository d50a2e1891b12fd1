"""The arrangement of a map: learnt from a sample of its texts, and applied to all in order."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from app.maps.clusters import Cluster, Numbers, describe_clusters, find_clusters, nearest_cluster
from app.maps.description import Parameters
from app.maps.embed import Embedder, Vectors, make_embedder
from app.maps.project import Places, Projection, fit_projection, spread

EMBED_BATCH_ROWS = 512
"""Texts that are embedded at once."""


class Arrangement:
    """Places the texts of a map, one batch after the other.

    Attributes:
        clusters: The clusters, by their numbers.
        package: The package that makes the vectors.
    """

    def __init__(
        self,
        embedder: Embedder,
        projection: Projection,
        clusters: Sequence[Cluster],
        sample: Numbers,
        numbers: Numbers,
    ) -> None:
        """Keep what was learnt.

        Args:
            embedder: Fitted to the sample.
            projection: The same.
            clusters: Those that were found in the sample.
            sample: Which texts of the map are its sample, ascending.
            numbers: The number of the cluster of each text of the sample.
        """
        self.clusters = clusters
        self.package = embedder.package
        self._embedder = embedder
        self._projection = projection
        self._sample = sample
        self._numbers = numbers
        self._next = 0

    def place(self, texts: Sequence[str]) -> tuple[Places, Numbers]:
        """Return the places of the next texts of the map, and the numbers of their clusters."""
        start, end = self._next, self._next + len(texts)
        self._next = end
        first, last = np.searchsorted(self._sample, (start, end))
        known = self._sample[first:last] - start
        places = np.empty((len(texts), 2), np.float32)
        numbers = np.empty(len(texts), np.int64)
        places[known] = self._projection.sample_places[first:last]
        numbers[known] = self._numbers[first:last]
        others = np.setdiff1d(np.arange(len(texts)), known)
        if len(others):
            vectors = _embed(self._embedder, [texts[each] for each in others])
            places[others] = self._projection.place(vectors)
            numbers[others] = nearest_cluster(
                self._projection.sample_places, self._numbers, places[others]
            )
        return places, numbers


def arrange(
    read: Callable[[], Iterator[pa.RecordBatch]], rows: int, parameters: Parameters
) -> Arrangement:
    """Learn how to arrange texts.

    Args:
        read: Yields batches with a column `text`, of all texts of the map in their order.
        rows: How many there are; at least one.
        parameters: How to make the map.

    Raises:
        EmbeddingUnavailable: The embedding's package isn't installed.
    """
    sample = spread(rows, parameters.fit_rows)
    texts = _texts(read(), sample)
    embedder = make_embedder(parameters.embedding)
    embedder.fit(texts, parameters.seed)
    projection = fit_projection(_embed(embedder, texts), parameters.seed)
    numbers = find_clusters(projection.sample_places)
    clusters = describe_clusters(projection.sample_places, numbers, texts)
    return Arrangement(embedder, projection, clusters, sample, numbers)


def _texts(batches: Iterator[pa.RecordBatch], wanted: Numbers) -> list[str]:
    """Return some texts, given by their rows, ascending."""
    texts: list[str] = []
    start = 0
    for batch in batches:
        first, last = np.searchsorted(wanted, (start, start + batch.num_rows))
        column = batch.column("text").take(pa.array(wanted[first:last] - start))
        texts.extend(column.to_pylist())
        start += batch.num_rows
    return texts


def _embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    parts = [
        embedder.embed(texts[start : start + EMBED_BATCH_ROWS])
        for start in range(0, len(texts), EMBED_BATCH_ROWS)
    ]
    return np.concatenate(parts)
