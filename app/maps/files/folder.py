"""The folder of a map: points, clusters, picture and description as files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from app.maps.clusters.finding import UNCLUSTERED, Cluster, Labels
from app.maps.clusters.levels import LEVELS
from app.maps.description import (
    MAP_FILE,
    METADATA_FILE,
    PICTURE_FILE,
    POINTS_FILE,
    MapDescription,
    encode_description,
)
from app.maps.files.atlas import encode_metadata
from app.maps.files.picture import draw_picture
from app.maps.points.projection import Coordinates
from app.maps.texts import POINT_SCHEMA, SAID
from catalog.columns.arrow import row_groups
from catalog.storage.durability import DurableFile

_POSITION_FIELDS: Final = (
    pa.field("x", pa.float32(), nullable=False),
    pa.field("y", pa.float32(), nullable=False),
    *(pa.field(level.column, pa.string()) for level in LEVELS),
)
ONLY_TO_ARRANGE: Final = [SAID]
"""Columns of points that a map doesn't have."""
MAP_SCHEMA: Final = pa.schema(
    [*(field for field in POINT_SCHEMA if field.name not in ONLY_TO_ARRANGE), *_POSITION_FIELDS]
)
"""Schema of `dataset.parquet`; clusters are named, and null in a map that has none."""


def cluster_columns(clusters: Sequence[Sequence[Cluster]], labels: Labels) -> Iterator[pa.Array]:
    """Yield for each level the names of the clusters that points are in."""
    for of_level, numbers in zip(clusters, labels.T, strict=True):
        names = pa.array([cluster.name for cluster in of_level], pa.string())
        yield names.take(pa.array(numbers, mask=numbers == UNCLUSTERED))


def write_points(folder: Path, points: Iterable[pa.RecordBatch]) -> None:
    """Write `dataset.parquet`.

    Args:
        folder: Folder of the map.
        points: The points, in `MAP_SCHEMA`.
    """
    with (
        DurableFile(folder / POINTS_FILE) as file,
        pq.ParquetWriter(file, MAP_SCHEMA, compression="zstd") as writer,
    ):
        for group in row_groups(points):
            writer.write_table(group)


def write_descriptions(
    folder: Path,
    description: MapDescription,
    coordinates: Coordinates,
    labels: Labels,
    clusters: Sequence[Sequence[Cluster]],
) -> None:
    """Write the files of a map beside its points.

    Args:
        folder: Folder of the map.
        description: Description of the map.
        coordinates: Coordinates of the points.
        labels: Clusters of the points.
        clusters: Clusters of each level, in the order of their labels.
    """
    contents = {
        PICTURE_FILE: draw_picture(coordinates, labels[:, 0]),
        METADATA_FILE: encode_metadata(description.source, MAP_SCHEMA.names, clusters),
        MAP_FILE: encode_description(description),
    }
    for path, content in contents.items():
        with DurableFile(folder / path) as file:
            file.write(content)
