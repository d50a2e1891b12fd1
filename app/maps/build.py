"""Building a map from the rows of a stage, in memory that doesn't grow with their number."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from app.maps.arrangement import Arrangement, arrange
from app.maps.clusters.finding import Labels
from app.maps.description import MapDescription, MapParameters, MapSource, Progress
from app.maps.errors import NothingToMap
from app.maps.files.folder import (
    MAP_SCHEMA,
    ONLY_TO_ARRANGE,
    cluster_columns,
    write_descriptions,
    write_points,
)
from app.maps.points.projection import Coordinates
from app.maps.points.sampling import RowNumbers, spread_evenly, take_rows
from app.maps.store import MapStore, Publishing
from app.maps.texts import POINT_SCHEMA, SAID, make_points
from app.version import VERSION
from catalog.columns.arrow import row_groups

_FOUND_FILE: Final = "found.parquet"
"""All points before some are chosen; it is removed before the map is published."""
READ_BATCH_ROWS: Final = 4096
_PACKAGES: Final = (
    "numpy",
    "pillow",
    "py3langid",
    "pyarrow",
    "pycld2",
    "pyicu-wheels",
    "scikit-learn",
    "scipy",
    "stopwordsiso",
    "umap-learn",
)


def build_map(
    store: MapStore,
    name: str,
    source: MapSource,
    batches: Iterable[pa.RecordBatch],
    parameters: MapParameters,
    progress: Progress = lambda _: None,
    publishing: Publishing = nullcontext,
) -> MapDescription:
    """Build and publish a map of rows of a stage.

    The map is built in a folder of another name, which is renamed when it is complete; an error
    before that leaves nothing. The same rows, parameters and versions give the same bytes on the
    same kind of processor; processors differ in the last digits of a projection.

    Args:
        store: Store that the map is published in.
        name: Name of the map.
        source: The stage and the snapshot of the rows.
        batches: The rows, with the columns that `app.maps.texts.make_points` takes, in a fixed
            order, without hidden ones.
        parameters: Parameters of the map.
        progress: Called after each batch with the number of its rows.
        publishing: Returns a context in which the folder of the map is published.

    Raises:
        NameInvalid: The name can't be used.
        MapNameTaken: Another map has the name.
        NothingToMap: No row has text.
        EmbeddingUnavailable: The embedding's package isn't installed.
    """
    with store.building(name, publishing) as folder:
        found_file = folder / _FOUND_FILE
        found_rows = _write_found(found_file, _counted(batches, progress), parameters)
        if not found_rows:
            raise NothingToMap(name, parameters.kind)
        chosen = spread_evenly(found_rows, parameters.max_points)
        arrangement = arrange(lambda: _read_points(found_file, chosen), len(chosen), parameters)
        coordinates, labels = _write_map(folder, found_file, chosen, arrangement)
        found_file.unlink()
        description = MapDescription(
            name=name,
            source=source,
            parameters=parameters,
            rows=len(chosen),
            found_rows=found_rows,
            clusters=len(arrangement.clusters[0]),
            versions=_versions(arrangement.package),
        )
        write_descriptions(folder, description, coordinates, labels, arrangement.clusters)
    return description


def _counted(batches: Iterable[pa.RecordBatch], progress: Progress) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        progress(batch.num_rows)


def _write_found(path: Path, batches: Iterable[pa.RecordBatch], parameters: MapParameters) -> int:
    """Write the points without their positions, and return the number of points."""
    rows = 0
    with pq.ParquetWriter(path, POINT_SCHEMA, compression="zstd") as writer:
        for group in row_groups(make_points(batches, parameters.kind)):
            writer.write_table(group)
            rows += group.num_rows
    return rows


def _read_points(path: Path, chosen: RowNumbers) -> Iterator[pa.RecordBatch]:
    """Yield the chosen points of a file."""
    with pq.ParquetFile(path) as file:
        yield from take_rows(file.iter_batches(READ_BATCH_ROWS), chosen)


def _write_map(
    folder: Path, found_file: Path, chosen: RowNumbers, arrangement: Arrangement
) -> tuple[Coordinates, Labels]:
    """Write the points with their positions; return their coordinates and clusters."""
    all_coordinates: list[Coordinates] = []
    all_labels: list[Labels] = []

    def positioned() -> Iterator[pa.RecordBatch]:
        for batch in _read_points(found_file, chosen):
            coordinates, labels = arrangement.place(batch.column(SAID).to_pylist())
            all_coordinates.append(coordinates)
            all_labels.append(labels)
            columns = [
                *batch.drop_columns(ONLY_TO_ARRANGE).columns,
                *(pa.array(axis) for axis in coordinates.T),
                *cluster_columns(arrangement.clusters, labels),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=MAP_SCHEMA)

    write_points(folder, positioned())
    return np.concatenate(all_coordinates), np.concatenate(all_labels)


def _versions(embedding_package: str) -> dict[str, str]:
    names = sorted({*_PACKAGES, embedding_package})
    return {"chatlake": VERSION, **{name: version(name) for name in names}}
