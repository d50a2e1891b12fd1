"""The levels of clusters, and the columns of a map's points that have their names."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Level:
    """A level of clusters, each of which lies within one of the broader level.

    Attributes:
        column: Column of the points with the names of their clusters.
        max_clusters: Maximum number of clusters.
        min_mean_rows: Least number of points that a cluster has on average.
    """

    column: str
    max_clusters: int
    min_mean_rows: int


LEVELS: Final = (
    Level("cluster", max_clusters=12, min_mean_rows=30),
    Level("cluster_middle", max_clusters=40, min_mean_rows=20),
    Level("cluster_fine", max_clusters=120, min_mean_rows=10),
)
"""The levels, broadest first."""
