"""Clusters of points, and the words that tell each from the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.maps.project import Places

UNCLUSTERED: Final = -1
"""The number of a point that lies in no cluster."""
_MIN_ROWS: Final = 20
"""With fewer points there is nothing to call a cluster."""
_MIN_CLUSTER_ROWS: Final = 8
_MAX_CLUSTERS: Final = 60
"""Of a size that a map can show names for; a cluster has at least this part of the points."""
_WORDS: Final = 3
_MAX_WORDS: Final = 20_000
# A word begins with a letter, and is more than one: numbers tell little.
_WORD: Final = r"(?u)\b[^\W\d_][\w'-]+\b"

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of points.

    Attributes:
        name: Its telling words; no other cluster of the map has the same name.
        x: The middle of its points.
        y: The same.
        rows: How many points of the sample it has.
    """

    name: str
    x: float
    y: float
    rows: int


def find_clusters(places: Places) -> Numbers:
    """Return the number of each point's cluster, from 0, or `UNCLUSTERED`.

    HDBSCAN: Campello, Moulavi and Sander (2013). Its time grows with the square of the points.
    Clusters are the leaves of its tree: their usual choice, by excess of mass, was one cluster of
    nearly all points in one map, and twenty in the next (docs/decisions/0032).
    """
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415  # takes a second

    if len(places) < _MIN_ROWS:
        return np.full(len(places), UNCLUSTERED)
    size = max(_MIN_CLUSTER_ROWS, len(places) // _MAX_CLUSTERS)
    found = HDBSCAN(
        min_cluster_size=size,
        min_samples=5,
        cluster_selection_method="leaf",
        algorithm="kd_tree",
        copy=True,
    )
    numbers: Numbers = found.fit_predict(places.astype(np.float64)).astype(np.int64)
    return numbers


def nearest_cluster(sample: Places, numbers: Numbers, places: Places) -> Numbers:
    """Return for each point the cluster of the nearest point of the sample."""
    from sklearn.neighbors import KDTree  # noqa: PLC0415  # takes a second

    nearest = KDTree(sample).query(places, return_distance=False)[:, 0]
    found: Numbers = numbers[nearest]
    return found


def describe_clusters(places: Places, numbers: Numbers, texts: Sequence[str]) -> list[Cluster]:
    """Return the clusters by their numbers, named by their words."""
    count = int(numbers.max(initial=UNCLUSTERED)) + 1
    names = _unique(_telling_words(texts, numbers, count))
    clusters = []
    for number, name in enumerate(names):
        members = places[numbers == number]
        x, y = np.median(members, axis=0)
        clusters.append(Cluster(name, float(x), float(y), len(members)))
    return clusters


def _telling_words(texts: Sequence[str], numbers: Numbers, count: int) -> list[list[str]]:
    """Return the words of each cluster by class-based TF-IDF: Grootendorst, BERTopic (2022)."""
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
    per_cluster = np.vstack([counted[numbers == each].sum(axis=0) for each in range(count)])
    per_cluster = np.asarray(per_cluster, np.float64)
    frequency = per_cluster / per_cluster.sum(axis=1, keepdims=True).clip(1)
    mean_words = per_cluster.sum() / count
    weights = frequency * np.log1p(mean_words / np.maximum(per_cluster.sum(axis=0), 1))
    words = counter.get_feature_names_out()
    # Stable, so that equal weights are in the words' order.
    best = np.argsort(-weights, axis=1, kind="stable")[:, :_WORDS]
    return [
        [str(words[each]) for each in row if weights[number, each] > 0]
        for number, row in enumerate(best)
    ]


def _unique(words: Sequence[Sequence[str]]) -> list[str]:
    names: list[str] = []
    for number, each in enumerate(words):
        name = ", ".join(each) or f"cluster {number + 1}"
        names.append(f"{name} ({number + 1})" if name in names else name)
    return names
