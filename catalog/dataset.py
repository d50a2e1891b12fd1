"""A snapshot's files for engines that push columns and conditions into what reads them.

Arrow reads them anywhere as a dataset, and DuckDB on this machine by their paths.

Each fragment carries what Iceberg knows of its file: the day of the rows, by which Arrow skips
files without opening them, and the sequence number of the rows that have none of their own.
"""

from collections.abc import Sequence
from typing import Final, cast

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem
from pyiceberg.io.pyarrow import PyArrowFileIO, schema_to_pyarrow
from pyiceberg.table import Table

from catalog.fragments import PARQUET
from catalog.scan import DataFile, day_bounds
from catalog.schema import ARROW_SCHEMA, SCHEMA
from sandbox.protocol import LocalFiles

FILE_SEQUENCE_NUMBER: Final = "file_sequence_number"
"""Name of the column with the file's sequence number, for rows whose own is null."""
DATASET_SCHEMA: Final = ARROW_SCHEMA.insert(0, pa.field(FILE_SEQUENCE_NUMBER, pa.int64()))
"""`FILE_SEQUENCE_NUMBER`, and the raw table's columns.

DuckDB counts rows by reading the first column, so it is one that takes no reading of files.
"""

_NUMBERED_SCHEMA: Final[pa.Schema] = schema_to_pyarrow(SCHEMA)
"""The raw table's columns, with the Iceberg ids of its fields."""
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
        PARQUET.make_fragment(
            io.parse_location(file.path, io.properties)[2], filesystem, _guarantee(file)
        )
        for file in files
    ]
    return ds.FileSystemDataset(fragments, DATASET_SCHEMA, PARQUET, filesystem)


def local_files_of(table: Table, files: Sequence[DataFile]) -> LocalFiles | None:
    """Return planned files for DuckDB's own reader; None where it can't read them.

    As with `dataset_of`, there may be rows that are newer than the planned snapshot.
    """
    io = cast("PyArrowFileIO", table.io)
    scheme, _, _ = io.parse_location(table.location(), io.properties)
    paths = tuple(io.parse_location(file.path, io.properties)[2] for file in files)
    is_plain = not any(_PATTERN_CHARACTERS.intersection(path) for path in paths)
    if scheme != "file" or not paths or not is_plain:
        return None
    return LocalFiles(
        paths=paths,
        sequence_numbers=tuple(file.sequence_number for file in files),
        schema=_NUMBERED_SCHEMA,
    )


def _guarantee(file: DataFile) -> ds.Expression:
    """Return a condition that every row of the file meets."""
    start, end = (pa.scalar(moment, _RECEIVED_AT.type) for moment in day_bounds(file.day, file.day))
    received_at = ds.field(_RECEIVED_AT.name)
    number = ds.field(FILE_SEQUENCE_NUMBER) == file.sequence_number
    return (received_at >= start) & (received_at < end) & number
