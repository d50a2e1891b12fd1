"""Finding clusters of points, and naming them by the words that set each apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.maps.projection import Coordinates

UNCLUSTERED: Final = -1
"""Label of a point that is in no cluster."""
_MIN_ROWS: Final = 20
"""Number of points below which a map has no clusters."""
_MIN_CLUSTER_ROWS: Final = 8
_MAX_CLUSTERS: Final = 60
"""A cluster has at least this fraction of the points, so that a map has room for all names."""
_NAME_WORDS: Final = 3
_MAX_WORDS: Final = 20_000
# A word has two characters or more and begins with a letter: numbers say little.
_WORD: Final = r"(?u)\b[^\W\d_][\w'-]+\b"

Labels = NDArray[np.int64]
"""The cluster of each point: its number, counted from 0, or `UNCLUSTERED`."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of points.

    Attributes:
        name: The words that set it apart; no other cluster of the map has this name.
        x: Median of its points' x.
        y: Median of its points' y.
        rows: Number of its points in the sample.
    """

    name: str
    x: float
    y: float
    rows: int


def find_clusters(coordinates: Coordinates) -> Labels:
    """Return the label of each point's cluster.

    The algorithm is HDBSCAN: Campello, Moulavi and Sander (2013). Its time grows with the square of
    the number of points. Clusters are the leaves of its tree: the usual choice, by excess of mass,
    made one cluster of nearly all points in one map, and twenty in the next (docs/decisions/0032).
    """
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415  # takes a second

    if len(coordinates) < _MIN_ROWS:
        return np.full(len(coordinates), UNCLUSTERED)
    size = max(_MIN_CLUSTER_ROWS, len(coordinates) // _MAX_CLUSTERS)
    found = HDBSCAN(
        min_cluster_size=size,
        min_samples=5,
        cluster_selection_method="leaf",
        algorithm="kd_tree",
        copy=True,
    )
    labels: Labels = found.fit_predict(coordinates.astype(np.float64)).astype(np.int64)
    return labels


def nearest_cluster(sample: Coordinates, labels: Labels, coordinates: Coordinates) -> Labels:
    """Return for each point the label of the nearest point of the sample.

    Args:
        sample: Coordinates of the sample.
        labels: Labels of the sample's points.
        coordinates: Coordinates of the points to label.
    """
    from sklearn.neighbors import KDTree  # noqa: PLC0415  # takes a second

    nearest = KDTree(sample).query(coordinates, return_distance=False)[:, 0]
    found: Labels = labels[nearest]
    return found


def describe_clusters(
    coordinates: Coordinates, labels: Labels, texts: Sequence[str]
) -> list[Cluster]:
    """Return the clusters in the order of their labels, named by the words of their texts."""
    count = int(labels.max(initial=UNCLUSTERED)) + 1
    names = _unique_names(_distinctive_words(texts, labels, count))
    clusters = []
    for number, name in enumerate(names):
        members = coordinates[labels == number]
        x, y = np.median(members, axis=0)
        clusters.append(Cluster(name, float(x), float(y), len(members)))
    return clusters


def _distinctive_words(texts: Sequence[str], labels: Labels, count: int) -> list[list[str]]:
    """Return the distinctive words of each cluster, by class-based TF-IDF.

    Source: Grootendorst, BERTopic (2022).
    """
    if not count:
        return []
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415

    counter = CountVectorizer(
        stop_words="english",
        max_features=_MAX_WORDS,
        token_pattern=_WORD,
        binary=True,
    )
    try:
        counted: Any = counter.fit_transform(texts)
    except ValueError:
        # No text has any word.
        return [[] for _ in range(count)]
    per_cluster = np.vstack([counted[labels == label].sum(axis=0) for label in range(count)])
    per_cluster = np.asarray(per_cluster, np.float64)
    frequency = per_cluster / per_cluster.sum(axis=1, keepdims=True).clip(1)
    mean_words = per_cluster.sum() / count
    weights = frequency * np.log1p(mean_words / np.maximum(per_cluster.sum(axis=0), 1))
    words = counter.get_feature_names_out()
    # A stable sort keeps words of equal weight in alphabetical order.
    best = np.argsort(-weights, axis=1, kind="stable")[:, :_NAME_WORDS]
    return [
        [str(words[index]) for index in row if weights[number, index] > 0]
        for number, row in enumerate(best)
    ]


def _unique_names(words: Sequence[Sequence[str]]) -> list[str]:
    names: list[str] = []
    for number, of_cluster in enumerate(words):
        name = ", ".join(of_cluster) or f"cluster {number + 1}"
        names.append(f"{name} ({number + 1})" if name in names else name)
    return names
