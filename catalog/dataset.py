"""A snapshot's files as an Arrow dataset, for engines that push columns and conditions into it.

Its fragments say what Iceberg knows of them: the day of their rows, by which Arrow leaves files out
unopened, and the sequence number that rows without one have.
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
"""The column with the number of the rows whose own `sequence_number` is null."""
DATASET_SCHEMA: Final = ARROW_SCHEMA.insert(0, pa.field(FILE_SEQUENCE_NUMBER, pa.int64()))
"""`FILE_SEQUENCE_NUMBER`, and the raw table's columns.

DuckDB counts rows by the first column, so that is the one that no file need be read for.
"""

_RECEIVED_AT: Final = ARROW_SCHEMA.field("received_at")


def dataset_of(table: Table, files: Sequence[DataFile]) -> ds.FileSystemDataset:
    """Return planned files as a dataset with `DATASET_SCHEMA`; it can be pickled.

    Rows that are newer than the snapshot of the plan are in it, as `DataFile.until` tells. A
    pickled one holds what it takes to reach the warehouse: with S3, the secret.
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
    """Return what is true of every row of a file."""
    start, end = (pa.scalar(moment, _RECEIVED_AT.type) for moment in day_bounds(file.day, file.day))
    received_at = ds.field(_RECEIVED_AT.name)
    number = ds.field(FILE_SEQUENCE_NUMBER) == file.sequence_number
    return (received_at >= start) & (received_at < end) & number
