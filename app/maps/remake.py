"""Making a map again without some of its points.

The other points keep their places and their clusters. Everything that has words of texts is made of
what is left: the points, the names of the clusters, and with them the picture.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.maps.clusters.finding import UNCLUSTERED, Cluster, Labels, describe_clusters
from app.maps.clusters.levels import LEVELS
from app.maps.description import MapDescription
from app.maps.files.folder import MAP_SCHEMA, cluster_columns, write_descriptions, write_points
from app.maps.points.projection import Coordinates
from app.maps.points.sampling import spread_evenly
from app.maps.texts import SHOWN, said_in
from catalog.reading.membership import is_among
from catalog.schema import ID


def remake(
    folder: Path, description: MapDescription, points_file: Path, ids: pa.Array
) -> MapDescription | None:
    """Write the files of a map without the points of some contributions.

    The same points that are left give the same files, so it may be repeated.

    Args:
        folder: An empty folder.
        description: Description of the map.
        points_file: The points of the map, which may lack those that are to go already.
        ids: The contribution_ids, ascending.

    Returns:
        The description of the new map; None if no point is left, and nothing is written.
    """
    left = _without(pq.read_table(points_file, schema=MAP_SCHEMA), ids)
    if not left.num_rows:
        return None
    coordinates = np.stack([left[axis].to_numpy() for axis in ("x", "y")], axis=1)
    labels = _labels(left)
    clusters = _describe(left, coordinates, labels, description.parameters.fit_rows)
    unnamed = left.drop_columns([level.column for level in LEVELS])
    columns = [*unnamed.columns, *cluster_columns(clusters, labels)]
    write_points(folder, [pa.RecordBatch.from_arrays(columns, schema=MAP_SCHEMA)])
    remade = replace(
        description,
        rows=left.num_rows,
        found_rows=description.found_rows - description.rows + left.num_rows,
        clusters=len(clusters[0]),
    )
    write_descriptions(folder, remade, coordinates, labels, clusters)
    return remade


def _without(points: pa.Table, ids: pa.Array) -> pa.RecordBatch:
    taken = is_among(points[ID].cast(ids.type), ids)
    left = points.filter(pc.invert(taken)).combine_chunks()
    return (left.to_batches() or [pa.RecordBatch.from_pylist([], MAP_SCHEMA)])[0]


def _labels(points: pa.RecordBatch) -> Labels:
    """Return the clusters of points, numbered in the order in which they first occur.

    So the numbers don't depend on the names, which change.
    """
    found = []
    for level in LEVELS:
        encoded = points[level.column].dictionary_encode()
        found.append(encoded.indices.fill_null(UNCLUSTERED).to_numpy(zero_copy_only=False))
    return np.stack(found, axis=1).astype(np.int64)


def _describe(
    points: pa.RecordBatch, coordinates: Coordinates, labels: Labels, max_rows: int
) -> list[list[Cluster]]:
    """Return the clusters of each level, named by a sample that has a point of each of them."""
    _, firsts = np.unique(labels[:, -1], return_index=True)
    sample = np.union1d(spread_evenly(len(labels), max_rows), firsts)
    texts = [said_in(shown) for shown in points[SHOWN].take(pa.array(sample)).to_pylist()]
    return describe_clusters(coordinates[sample], labels[sample], texts)
