"""A snapshot's files for engines that push columns and conditions into what reads them.

Arrow reads them anywhere as a dataset, and DuckDB on this machine by their paths.

Each fragment carries what Iceberg knows of its file: the day of the rows, by which Arrow skips
files without opening them, and the sequence number of the rows that have none of their own.
"""

from collections.abc import Iterable, Sequence
from typing import Final, cast

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem
from pyiceberg.io.pyarrow import PyArrowFileIO, schema_to_pyarrow
from pyiceberg.table import Table

from catalog.reading.fragments import PARQUET
from catalog.reading.plans import DataFile
from catalog.reading.scan import day_bounds
from catalog.replaced import REPLACED_SCHEMA, ReplacedFile
from catalog.schema import ARROW_SCHEMA, ID, SCHEMA, SEQUENCE_NUMBER
from sandbox.protocol import LocalFiles, ReplacedFiles

FILE_SEQUENCE_NUMBER: Final = "file_sequence_number"
"""Name of the column with the file's sequence number, for rows whose own is null."""
DATASET_SCHEMA: Final = ARROW_SCHEMA.insert(0, pa.field(FILE_SEQUENCE_NUMBER, pa.int64()))
"""`FILE_SEQUENCE_NUMBER`, and the raw table's columns.

DuckDB counts rows by reading the first column, so it is one that takes no reading of files.
"""

_NUMBERED_SCHEMA: Final[pa.Schema] = schema_to_pyarrow(SCHEMA)
"""The raw table's columns, with the Iceberg ids of its fields."""
_REPLACED_SCHEMA: Final[pa.Schema] = schema_to_pyarrow(REPLACED_SCHEMA.select(ID, SEQUENCE_NUMBER))
"""What queries read of the table `replaced`, with the Iceberg ids of its fields."""
_PATTERN_CHARACTERS: Final = frozenset("*?[")
"""Characters by which DuckDB takes a path for a pattern. It has no way to escape them."""
_RECEIVED_AT: Final = ARROW_SCHEMA.field("received_at")


def dataset_of(table: Table, files: Sequence[DataFile]) -> ds.FileSystemDataset:
    """Return planned files as a dataset with `DATASET_SCHEMA`, which can be pickled.

    The dataset also holds rows that are newer than the planned snapshot: the reader has to leave
    out those above `DataFile.until`. When the warehouse is on S3, the pickle contains the secret.
    """
    io = cast("PyArrowFileIO", table.io)
    scheme, location, _ = io.parse_location(table.location(), io.properties)
    filesystem = io.fs_by_scheme(scheme, location) if files else LocalFileSystem()
    fragments = [
        PARQUET.make_fragment(_path_of(table, file.path), filesystem, _guarantee(file))
        for file in files
    ]
    return ds.FileSystemDataset(fragments, DATASET_SCHEMA, PARQUET, filesystem)


def local_files_of(table: Table, files: Sequence[DataFile]) -> LocalFiles | None:
    """Return planned files for DuckDB's own reader; None where it can't read them.

    As with `dataset_of`, there may be rows that are newer than the planned snapshot.
    """
    io = cast("PyArrowFileIO", table.io)
    scheme, _, _ = io.parse_location(table.location(), io.properties)
    paths = tuple(_path_of(table, file.path) for file in files)
    is_plain = not any(_PATTERN_CHARACTERS.intersection(path) for path in paths)
    if scheme != "file" or not paths or not is_plain:
        return None
    return LocalFiles(
        paths=paths,
        sequence_numbers=tuple(file.sequence_number for file in files),
        schema=_NUMBERED_SCHEMA,
    )


def replaced_files_of(
    table: Table | None, files: Iterable[ReplacedFile], last_sequence_number: int
) -> ReplacedFiles:
    """Return the files of the table `replaced` that count for a snapshot.

    Args:
        table: The table `replaced`; None while the lake is empty.
        files: Data files of that table.
        last_sequence_number: The sequence number of the snapshot.
    """
    counting = [file for file in files if file.first_sequence_number <= last_sequence_number]
    is_newer = any(file.last_sequence_number > last_sequence_number for file in counting)
    return ReplacedFiles(
        paths=tuple(_path_of(table, file.path) for file in counting if table),
        days=tuple(file.day for file in counting),
        last_sequence_number=last_sequence_number if is_newer else None,
        schema=_REPLACED_SCHEMA,
    )


def rows_not_replaced(
    files: Sequence[DataFile], replaced: Iterable[ReplacedFile], last_sequence_number: int
) -> int | None:
    """Return how many rows of a snapshot weren't replaced; None if files have to be read for that.

    Args:
        files: All planned files of the snapshot.
        replaced: Data files of the table `replaced`.
        last_sequence_number: The sequence number of the snapshot.
    """
    counting = [file for file in replaced if file.first_sequence_number <= last_sequence_number]
    if any(file.is_wanted_in_part for file in files):
        return None
    if any(file.last_sequence_number > last_sequence_number for file in counting):
        return None
    return sum(file.rows for file in files) - sum(file.rows for file in counting)


def _path_of(table: Table, url: str) -> str:
    """Return the path of a file in its filesystem."""
    io = cast("PyArrowFileIO", table.io)
    return io.parse_location(url, io.properties)[2]


def _guarantee(file: DataFile) -> ds.Expression:
    """Return a condition that every row of the file meets."""
    start, end = (pa.scalar(moment, _RECEIVED_AT.type) for moment in day_bounds(file.day, file.day))
    received_at = ds.field(_RECEIVED_AT.name)
    number = ds.field(FILE_SEQUENCE_NUMBER) == file.sequence_number
    return (received_at >= start) & (received_at < end) & number
