"""A snapshot's files as an Arrow dataset, for engines that push columns and conditions into it.

Each fragment carries what Iceberg knows of its file: the day of the rows, by which Arrow skips
files without opening them, and the sequence number of the rows that have none of their own.
"""

from collections.abc import Sequence
from typing import Final, cast

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table

from catalog.fragments import PARQUET
from catalog.scan import DataFile, day_bounds
from catalog.schema import ARROW_SCHEMA

FILE_SEQUENCE_NUMBER: Final = "file_sequence_number"
"""Name of the column with the file's sequence number, for rows whose own is null."""
DATASET_SCHEMA: Final = ARROW_SCHEMA.insert(0, pa.field(FILE_SEQUENCE_NUMBER, pa.int64()))
"""`FILE_SEQUENCE_NUMBER`, and the raw table's columns.

DuckDB counts rows by reading the first column, so it is one that takes no reading of files.
"""

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


def _guarantee(file: DataFile) -> ds.Expression:
    """Return a condition that every row of the file meets."""
    start, end = (pa.scalar(moment, _RECEIVED_AT.type) for moment in day_bounds(file.day, file.day))
    received_at = ds.field(_RECEIVED_AT.name)
    number = ds.field(FILE_SEQUENCE_NUMBER) == file.sequence_number
    return (received_at >= start) & (received_at < end) & number
