"""Finding clusters of points at several levels, and describing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.maps.clusters.levels import LEVELS
from app.maps.clusters.names import name_clusters
from app.maps.points.embed import Vectors
from app.maps.points.projection import Coordinates

UNCLUSTERED: Final = -1
"""Label of a point that is in no cluster."""
_MIN_ROWS: Final = 20
"""Number of points below which a map has no clusters."""

Labels = NDArray[np.int64]
"""The clusters of points: a row for each point with its cluster of each of `LEVELS`, which is a
number counted from 0, or `UNCLUSTERED`."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of points.

    Attributes:
        name: The words that set it apart; no other cluster of the level has this name.
        x: Median of its points' x.
        y: Median of its points' y.
        rows: Number of its points in the sample.
    """

    name: str
    x: float
    y: float
    rows: int


def find_clusters(vectors: Vectors, coordinates: Coordinates) -> Labels:
    """Return the clusters of points: every point is in one of each level, or none in any.

    Neighbours in the map whose vectors are alike are merged, by Ward's criterion, until as many
    clusters are left as a level has; so a cluster is a region of the map (docs/decisions/0050).
    Neighbours are points that share an edge of Delaunay's triangulation.

    Args:
        vectors: Vectors of the points.
        coordinates: Coordinates of the points.
    """
    rows = len(vectors)
    if rows < _MIN_ROWS:
        return np.full((rows, len(LEVELS)), UNCLUSTERED)
    from scipy.sparse import csr_array  # noqa: PLC0415  # takes a second
    from scipy.spatial import Delaunay  # noqa: PLC0415
    from sklearn.cluster import ward_tree  # noqa: PLC0415

    # The option moves points by rounding errors until none is in one place with another, or all in
    # a line; it fails where that is far from the origin.
    moved = coordinates.astype(np.float64) - coordinates[0]
    offsets, others = Delaunay(moved, qhull_options="QJ").vertex_neighbor_vertices
    graph = csr_array((np.ones(len(others)), others, offsets), shape=(rows, rows))
    merges, *_ = ward_tree(vectors, connectivity=graph)
    counts = (max(1, min(level.max_clusters, rows // level.min_mean_rows)) for level in LEVELS)
    return np.stack([_clusters_after(merges[: rows - count], rows) for count in counts], axis=1)


def _clusters_after(merges: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Return the cluster of each row after merges.

    Args:
        merges: The two clusters of each merge. Clusters are numbered: first each row is one, then
            each merge makes one.
        rows: Number of rows.
    """
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    number = rows + len(merges)
    made = np.repeat(np.arange(rows, number), 2)
    graph = coo_array((np.ones(len(made)), (made, merges.ravel())), shape=(number, number))
    _, labels = connected_components(graph, directed=False)
    found: NDArray[np.int64] = np.unique(labels[:rows], return_inverse=True)[1]
    return found


def describe_clusters(
    coordinates: Coordinates, labels: Labels, texts: Sequence[str]
) -> list[list[Cluster]]:
    """Return the clusters of each level in the order of their labels, named by their texts.

    Args:
        coordinates: The points of the sample.
        labels: The clusters of each point.
        texts: The text of each point.
    """
    names = name_clusters(labels, texts)
    return [
        [_describe(name, coordinates[numbers == number]) for number, name in enumerate(of_level)]
        for of_level, numbers in zip(names, labels.T, strict=True)
    ]


def _describe(name: str, members: Coordinates) -> Cluster:
    x, y = np.median(members, axis=0)
    return Cluster(name, float(x), float(y), len(members))
