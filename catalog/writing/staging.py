"""Staged files: data files of an upload or a build that no snapshot refers to yet.

They already lie in the table's folders, and become part of it when `catalog.table.append_batch` or
`catalog.stages.builds.replace_files` commits them. A staged file that is never committed is an
orphan.
"""

import logging
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Final
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.io import FileIO
from pyiceberg.io.fileformat import DataFileStatistics, FileFormatFactory, FileFormatWriter
from pyiceberg.io.pyarrow import parquet_file_to_data_file, schema_to_pyarrow
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import Table, TableProperties
from pyiceberg.table.locations import load_location_provider

from catalog.columns.data_file_schema import filled_ids, fitted, missing_fields, without_unfilled
from catalog.errors import ColumnsMissing
from catalog.manifests.partitions import partition_of
from catalog.schema import ROW_GROUP_BYTES, ROW_GROUP_ROWS, TARGET_FILE_SIZE_BYTES

_FORMAT: Final = FileFormatFactory.get(FileFormat.PARQUET)
_PROPERTIES: Final = {
    # Dictionaries take time for texts and ids, of which few come twice. So they end early, and
    # whether they have to is looked at after so many rows.
    TableProperties.PARQUET_DICT_SIZE_BYTES: str(64 * 1024),
    TableProperties.PARQUET_PAGE_ROW_LIMIT: "1024",
}
"""How files are written, unless the table has other properties."""

log = logging.getLogger(__name__)


class StagedFile(msgspec.Struct, frozen=True):
    """A data file that waits to be committed.

    Attributes:
        path: URL of the file.
        rows: Number of rows in it.
    """

    path: str
    rows: int


@dataclass(slots=True)
class _OpenFile:
    day: date
    path: str
    filled: frozenset[int]
    schema: pa.Schema
    writer: FileFormatWriter
    rows: int = 0
    size_bytes: int = 0

    def takes(self, day: date, filled: AbstractSet[int]) -> bool:
        """Tell whether rows of a day may be written to the file, which has what they fill."""
        return (
            self.day == day and self.size_bytes < TARGET_FILE_SIZE_BYTES and filled <= self.filled
        )


class StagedFiles:
    """Writes the rows of one upload or build to data files of one day each and of bounded size.

    Each file is synced when it is full, and one row group is in memory at a time. A file has the
    optional fields that rows have filled until it was begun; a row that fills another one begins
    the next file. An object of this class must not be used by two threads at once.
    """

    def __init__(self, table: Table, name: UUID) -> None:
        """Prepare to write; nothing is written yet.

        Args:
            table: A table that is partitioned by the day of `received_at`.
            name: Id of the upload or build. The files are named after it, and numbered.
        """
        self._io = table.io
        self._schema, self._spec = table.schema(), table.spec()
        self._filled: frozenset[int] = frozenset()
        self._properties = _PROPERTIES | table.metadata.properties
        self._locations = load_location_provider(table.metadata.location, self._properties)
        self._name = name
        self._numbers = count()
        self._open: _OpenFile | None = None
        self._staged: list[StagedFile] = []
        self._statistics: list[DataFileStatistics] = []

    def write(self, rows: pa.Table) -> None:
        """Write the rows of one row group, which are in the order of receipt.

        Raises:
            ColumnsMissing: The table isn't migrated yet, so what rows hold would be lost.
            OSError: Writing failed.
        """
        if missing := missing_fields(self._schema, rows):
            raise ColumnsMissing(missing)
        for day, of_day in _by_day(rows):
            filled = filled_ids(self._schema, of_day)
            self._filled |= filled
            if self._open and not self._open.takes(day, filled):
                self._close()
            self._open = file = self._open or self._create(day)
            file.writer.write(fitted(of_day, file.schema))
            file.rows += of_day.num_rows
            file.size_bytes += of_day.nbytes

    def end_file(self) -> None:
        """End the present file: the next rows begin another, as if they were the first."""
        if self._open:
            self._close()
        self._filled = frozenset()

    def finish(self) -> list[StagedFile]:
        """Make all files durable, and return them.

        Raises:
            OSError: A file can't be synced.
        """
        if self._open:
            self._close()
        return self._staged

    def describe(self) -> list[DataFile]:
        """Make all files durable, and return Iceberg's descriptions of them, with column bounds.

        They are those of `describe_files`, which has to read what is known here.

        Raises:
            OSError: A file can't be synced.
        """
        files = self.finish()
        return [
            DataFile.from_args(
                content=DataFileContent.DATA,
                file_path=file.path,
                file_format=_FORMAT.format,
                partition=statistics.partition(self._spec, self._schema),
                file_size_in_bytes=len(self._io.new_input(file.path)),
                sort_order_id=None,
                spec_id=self._spec.spec_id,
                equality_ids=None,
                key_metadata=None,
                **statistics.to_serialized_dict(),
            )
            for file, statistics in zip(files, self._statistics, strict=True)
        ]

    def discard(self) -> None:
        """Remove the files. A file that can't be removed becomes an orphan."""
        if self._open:
            # On an object store, a file can only be given up by finishing and removing it.
            with suppress(Exception):
                self._close()
        remove_files(self._io, [file.path for file in self._staged])
        self._staged, self._statistics = [], []

    def _create(self, day: date) -> _OpenFile:
        key = partition_of(day, self._spec, self._schema)
        name = f"{self._name}-{next(self._numbers):05d}.{_FORMAT.file_extension()}"
        path = self._locations.new_data_location(name, key)
        schema = without_unfilled(self._schema, self._filled)
        writer = _FORMAT.create_writer(self._io.new_output(path), schema, self._properties)
        # With Iceberg's field ids, by which readers find the columns of a file.
        file_schema = schema_to_pyarrow(schema, include_field_ids=True)
        return _OpenFile(day, path, self._filled, file_schema, writer)

    def _close(self) -> None:
        file, self._open = self._open, None
        if file:
            self._staged.append(StagedFile(file.path, file.rows))
            self._statistics.append(file.writer.close())


def remove_files(io: FileIO, paths: Iterable[str]) -> None:
    """Remove files to which nothing refers; one that can't be removed becomes an orphan."""
    for path in paths:
        try:
            io.delete(path)
        except Exception:
            log.exception("%s is left over", path)


def describe_files(table: Table, files: Iterable[StagedFile]) -> Iterator[DataFile]:
    """Yield Iceberg's description of each file, with column bounds, from its Parquet footer."""
    for file in files:
        yield parquet_file_to_data_file(table.io, table.metadata, file.path)


def split_row_groups(rows: pa.Table) -> tuple[list[pa.Table], pa.Table]:
    """Return the full row groups that rows make, in order, and the rows that are left."""
    groups = []
    while len(rows) >= ROW_GROUP_ROWS or rows.nbytes >= ROW_GROUP_BYTES:
        groups.append(rows.slice(0, ROW_GROUP_ROWS))
        rows = rows.slice(ROW_GROUP_ROWS)
    return groups, rows


def _by_day(rows: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    days = pc.cast(rows["received_at"], pa.date32(), safe=False)
    for day in pc.unique(days):
        yield day.as_py(), rows if len(pc.unique(days)) == 1 else rows.filter(pc.equal(days, day))
