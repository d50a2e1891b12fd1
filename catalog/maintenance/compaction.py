"""Compaction: the many small files of a day become few, and nothing else changes.

The rows stay in their order, and each has the sequence number of the commit that added it written
out, so that every snapshot reads as before.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import count, groupby
from typing import Final
from uuid import uuid4

import pyarrow as pa
from pyiceberg.io.fileformat import FileFormatFactory
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile as IcebergDataFile
from pyiceberg.manifest import DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.table import Table

from catalog.arrow import row_groups
from catalog.errors import LakeError
from catalog.maintenance.replace import replace_files
from catalog.scan import DataFile, plan, read
from catalog.schema import PARTITION_SPEC, SCHEMA
from catalog.snapshots import Snapshot, describe

_ZSTD_LEVEL: Final = "9"
_FILE_SCHEMA: Final = schema_to_pyarrow(SCHEMA)

KeepGoing = Callable[[], bool]


class CompactionStopped(LakeError):
    """It was told to stop; nothing is changed."""


class RowsDiffer(LakeError):
    """What was written is not what was read; nothing is changed."""

    def __init__(self, day: date, rows: int, written: int) -> None:
        super().__init__(f"compaction of {day} wrote {written} rows of {rows}")
        self.day = day
        self.rows = rows
        self.written = written


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSizes:
    """What is small, and what is large enough.

    Attributes:
        target_bytes: Compressed size at which a file is full. Half of it is no longer small.
        open_day_files: How many fresh files of a day that still grows are worth a compaction.
    """

    target_bytes: int
    open_day_files: int


@dataclass(frozen=True, slots=True)
class DayOfSmallFiles:
    """Small files of one day that lie side by side in its order, in runs."""

    day: date
    runs: tuple[tuple[DataFile, ...], ...]

    @property
    def files(self) -> list[DataFile]:
        """All of the files."""
        return [file for run in self.runs for file in run]

    @property
    def rows(self) -> int:
        """The rows in them."""
        return sum(file.rows for file in self.files)

    @property
    def size_bytes(self) -> int:
        """Their size."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of a day's small files.

    Attributes:
        snapshot: The snapshot that replaced them.
        files: How many files there are instead.
        size_bytes: Their size.
    """

    snapshot: Snapshot
    files: int
    size_bytes: int


def small_files(table: Table, sizes: FileSizes, open_from: date) -> list[DayOfSmallFiles]:
    """Return the days that are worth a compaction, oldest first.

    A closed day is compacted to the end. On a day from `open_from` on, only fresh files are, when
    there are enough of them: so no row is rewritten more than twice.
    """
    newest = table.current_snapshot()
    if newest is None:
        return []
    days = []
    for day, files in groupby(plan(table, describe(newest)), key=lambda file: file.day):
        runs = _runs(files, sizes, is_open=day >= open_from)
        if runs:
            days.append(DayOfSmallFiles(day, runs))
    return days


def _runs(
    files: Iterator[DataFile], sizes: FileSizes, is_open: bool
) -> tuple[tuple[DataFile, ...], ...]:
    def is_small(file: DataFile) -> bool:
        return file.size_bytes < sizes.target_bytes // 2 and not (is_open and file.is_rewritten)

    fewest = sizes.open_day_files if is_open else 2
    runs = [tuple(run) for small, run in groupby(files, key=is_small) if small]
    return tuple(run for run in runs if len(run) >= fewest)


def compact(
    table: Table,
    day: DayOfSmallFiles,
    sizes: FileSizes,
    keep_going: KeepGoing = lambda: True,
) -> Compacted | None:
    """Rewrite a day's small files in one commit; None when another writer replaced one of them.

    A row group at a time is in memory. Whatever it fails by, or is killed at, the table is as
    before, and files that nothing names are all that is left.

    Raises:
        CompactionStopped: `keep_going` was false, which is asked after each row group.
        CommitConflict: Another writer kept committing first.
        RowsDiffer: The files have another number of rows than the table says.
    """
    written: list[IcebergDataFile] = []
    try:
        for run in day.runs:
            for file in _rewrite(table, run, sizes.target_bytes, keep_going):
                written.append(file)
        rows = sum(file.record_count for file in written)
        if rows != day.rows:
            raise RowsDiffer(day.day, day.rows, rows)
    except BaseException:
        _discard(table, written)
        raise
    snapshot = replace_files(table, [file.path for file in day.files], written)
    if snapshot is None:
        _discard(table, written)
        return None
    return Compacted(snapshot, len(written), sum(file.file_size_in_bytes for file in written))


def _rewrite(
    table: Table, run: Sequence[DataFile], target_bytes: int, keep_going: KeepGoing
) -> Iterator[IcebergDataFile]:
    """Write the rows of some files of a day to new ones, and yield those."""
    groups = row_groups(read(table, run))
    # Numbered, so that files of one commit's rows alone keep their order too.
    name = uuid4().hex
    for number in count():
        group = next(groups, None)
        if group is None:
            return
        yield _write_file(
            table, run[0].day, f"{number:05}-{name}.parquet", group, groups, target_bytes, keep_going
        )


def _write_file(
    table: Table,
    day: date,
    name: str,
    first: pa.Table,
    groups: Iterator[pa.Table],
    target_bytes: int,
    keep_going: KeepGoing,
) -> IcebergDataFile:
    """Write row groups until the file is full or there are no more."""
    moment = datetime.combine(day, time.min, UTC)
    key = PartitionKey([PartitionFieldValue(PARTITION_SPEC.fields[0], moment)], PARTITION_SPEC, SCHEMA)
    path = table.location_provider().new_data_location(name, key)
    output = table.io.new_output(path)
    properties = {**table.properties, "write.parquet.compression-level": _ZSTD_LEVEL}
    writer = FileFormatFactory.get(FileFormat.PARQUET).create_writer(output, SCHEMA, properties)
    ...
