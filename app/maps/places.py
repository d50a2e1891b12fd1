"""The place of a contribution on a map, told by the names of the clusters that it is in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from app.maps.clusters.levels import LEVELS
from catalog.schema import ID

_COLUMNS: Final = [level.column for level in LEVELS]


@dataclass(frozen=True, slots=True)
class MapPlace:
    """The place of a contribution on a map.

    Attributes:
        map_name: Name of the map.
        clusters: Names of the clusters that its first point is in, broadest first; none where the
            map has no clusters, or the point is in none.
    """

    map_name: str
    clusters: tuple[str, ...]


def find_place(map_name: str, points: Path, contribution_id: str) -> MapPlace | None:
    """Return the place of a contribution on a map; None if the map doesn't show it.

    Args:
        map_name: Name of the map.
        points: The file of its points, of which only the row groups that may have it are read.
        contribution_id: The contribution.
    """
    rows = pq.read_table(points, columns=_COLUMNS, filters=[(ID, "=", contribution_id)])
    if not rows.num_rows:
        return None
    first = rows.slice(0, 1).to_pylist()[0]
    return MapPlace(map_name, tuple(dict.fromkeys(filter(None, first.values()))))
