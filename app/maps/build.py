"""Building a map out of the rows of a stage, in memory that their number doesn't change."""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from app.maps.arrangement import Arrangement, arrange
from app.maps.atlas import metadata
from app.maps.clusters import UNCLUSTERED, Numbers
from app.maps.description import (
    MAP_FILE,
    METADATA_FILE,
    PICTURE_FILE,
    POINTS_FILE,
    MapDescription,
    MapSource,
    Parameters,
    encode_description,
)
from app.maps.errors import NothingToMap
from app.maps.picture import draw
from app.maps.project import Places, spread
from app.maps.store import MapStore
from app.maps.texts import POINT_SCHEMA, points
from app.version import VERSION
from catalog.arrow import row_groups
from catalog.durability import DurableFile

_PLACE_FIELDS: Final = (
    pa.field("x", pa.float32(), nullable=False),
    pa.field("y", pa.float32(), nullable=False),
    pa.field("cluster", pa.string()),
)
MAP_SCHEMA: Final = pa.schema([*POINT_SCHEMA, *_PLACE_FIELDS])
"""A point of `dataset.parquet`; `cluster` is the name of its cluster, null where it is in none."""
_FOUND_FILE: Final = "found.parquet"
READ_BATCH_ROWS: Final = 4096
_PACKAGES: Final = ("numpy", "scikit-learn", "umap-learn", "pyarrow", "pillow")

Progress = Callable[[int], None]


def build_map(
    store: MapStore,
    name: str,
    source: MapSource,
    batches: Iterable[pa.RecordBatch],
    parameters: Parameters,
    progress: Progress = lambda _: None,
) -> MapDescription:
    """Make a map of the rows of a stage.

    It is built in a folder by another name, which is renamed when it is whole; whatever fails
    before leaves nothing. The same rows, parameters and versions give the same bytes on the same
    kind of processor: the last digits of a projection are its processor's.

    Args:
        store: Keeps the map.
        name: The map's name.
        source: The stage and snapshot that the rows are of.
        batches: The rows, with `app.maps.texts.NEEDED_COLUMNS` and perhaps `LANGUAGE`, in an order
            that is always the same; without those that are not to be shown.
        parameters: How to make it.
        progress: Called with the number of rows that were read, as they are.

    Raises:
        MapNameInvalid: The name can't be used.
        MapNameTaken: There is a map by this name.
        NothingToMap: No row has text.
        EmbeddingUnavailable: The embedding's package isn't installed.
    """
    with store.building(name) as folder:
        found_file = folder / _FOUND_FILE
        found_rows = _write_points(found_file, _counted(batches, progress), parameters)
        if not found_rows:
            raise NothingToMap(name, parameters.kind)
        chosen = spread(found_rows, parameters.max_points)
        arrangement = arrange(lambda: _chosen(found_file, chosen), len(chosen), parameters)
        places, numbers = _write_map(folder / POINTS_FILE, found_file, chosen, arrangement)
        found_file.unlink()
        description = MapDescription(
            name=name,
            source=source,
            parameters=parameters,
            rows=len(chosen),
            found_rows=found_rows,
            clusters=len(arrangement.clusters),
            versions=_versions(arrangement.package),
        )
        _write(folder / PICTURE_FILE, draw(places, numbers))
        _write(folder / METADATA_FILE, metadata(arrangement.clusters))
        _write(folder / MAP_FILE, encode_description(description))
    return description


def _counted(batches: Iterable[pa.RecordBatch], progress: Progress) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        progress(batch.num_rows)


def _write_points(path: Path, batches: Iterable[pa.RecordBatch], parameters: Parameters) -> int:
    """Write the points without places, and return how many there are."""
    rows = 0
    with pq.ParquetWriter(path, POINT_SCHEMA, compression="zstd") as writer:
        for group in row_groups(points(batches, parameters.kind)):
            writer.write_table(group)
            rows += group.num_rows
    return rows


def _chosen(path: Path, chosen: Numbers) -> Iterator[pa.RecordBatch]:
    """Yield those points of a file that were chosen, given by their rows, ascending."""
    start = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(READ_BATCH_ROWS):
            first, last = np.searchsorted(chosen, (start, start + batch.num_rows))
            yield batch.take(pa.array(chosen[first:last] - start))
            start += batch.num_rows


def _write_map(
    path: Path, found_file: Path, chosen: Numbers, arrangement: Arrangement
) -> tuple[Places, Numbers]:
    """Write the points with their places, and return the places and the clusters' numbers."""
    names = pa.array([cluster.name for cluster in arrangement.clusters], pa.string())
    all_places: list[Places] = []
    all_numbers: list[Numbers] = []

    def placed() -> Iterator[pa.RecordBatch]:
        for batch in _chosen(found_file, chosen):
            places, numbers = arrangement.place(batch.column("text").to_pylist())
            all_places.append(places)
            all_numbers.append(numbers)
            named = names.take(pa.array(numbers, mask=numbers == UNCLUSTERED))
            columns = [*batch.columns, pa.array(places[:, 0]), pa.array(places[:, 1]), named]
            yield pa.RecordBatch.from_arrays(columns, schema=MAP_SCHEMA)

    with (
        DurableFile(path) as file,
        pq.ParquetWriter(file, MAP_SCHEMA, compression="zstd") as writer,
    ):
        for group in row_groups(placed()):
            writer.write_table(group)
    return np.concatenate(all_places), np.concatenate(all_numbers)


def _versions(embedding_package: str) -> dict[str, str]:
    names = sorted({*_PACKAGES, embedding_package})
    return {"chatlake": VERSION, **{name: version(name) for name in names}}


def _write(path: Path, content: bytes) -> None:
    with DurableFile(path) as file:
        file.write(content)
