"""Compaction: rewriting the many small files of a day into few.

Rows keep their order, and each gets the sequence number of the commit that added it as a column
value. So every snapshot reads as before.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import chain, count, groupby
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile as IcebergDataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from catalog.columns.arrow import row_groups
from catalog.columns.data_file_schema import stored_ids, without_unfilled
from catalog.errors import CommitConflict, LakeError
from catalog.maintenance.replace import replace_compacted
from catalog.reading.plans import DataFile, plan
from catalog.reading.scan import read
from catalog.schema import SCHEMA
from catalog.snapshots import Snapshot, to_snapshot
from catalog.wording import counted
from catalog.writing.data_files import write_data_file

KeepGoing = Callable[[], bool]


class CompactionStopped(LakeError):
    """The compaction was told to stop; nothing has changed."""


class RowsDiffer(LakeError):
    """The compaction wrote another number of rows than the table says; nothing has changed."""

    def __init__(self, day: date, rows: int, written: int) -> None:
        super().__init__(f"compaction of {day} wrote {counted(written, 'row')} of {rows}")
        self.day = day
        self.rows = rows
        self.written = written


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionSizes:
    """Sizes that decide which files are compacted.

    Attributes:
        target_bytes: Compressed size at which a file is full. Files below half of it are small.
        open_day_files: Number of fresh files from which a day that still grows is compacted.
    """

    target_bytes: int
    open_day_files: int


@dataclass(frozen=True, slots=True)
class DayOfSmallFiles:
    """The small files of one day that are worth a compaction.

    Attributes:
        day: The day partition.
        runs: Runs of small files that are adjacent in the order of the day's rows. Each run is
            rewritten by itself, so that the order is kept.
    """

    day: date
    runs: tuple[tuple[DataFile, ...], ...]

    @property
    def files(self) -> list[DataFile]:
        """The files of all runs."""
        return [file for run in self.runs for file in run]

    @property
    def rows(self) -> int:
        """Number of rows in the files."""
        return sum(file.rows for file in self.files)

    @property
    def size_bytes(self) -> int:
        """Size of the files together, in bytes."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Compacted:
    """The result of compacting a day.

    Attributes:
        snapshot: The snapshot in which the small files were replaced.
        files: Number of files that were written instead.
        size_bytes: Size of those files together.
    """

    snapshot: Snapshot
    files: int
    size_bytes: int


def small_files(table: Table, sizes: CompactionSizes, open_from: date) -> list[DayOfSmallFiles]:
    """Return the days that are worth a compaction, oldest first.

    On a closed day, all small files are compacted. On an open day only fresh files are, once there
    are enough of them. So no row is rewritten more than twice.

    Args:
        table: The raw table.
        sizes: Sizes that decide which files are compacted.
        open_from: The first day that is still open.
    """
    newest = table.current_snapshot()
    if newest is None:
        return []
    days = []
    for day, files in groupby(plan(table, to_snapshot(newest)), key=lambda file: file.day):
        runs = _runs(files, sizes, is_open=day >= open_from)
        if runs:
            days.append(DayOfSmallFiles(day, runs))
    return days


def _runs(
    files: Iterator[DataFile], sizes: CompactionSizes, is_open: bool
) -> tuple[tuple[DataFile, ...], ...]:
    def is_small(file: DataFile) -> bool:
        return file.size_bytes < sizes.target_bytes // 2 and not (is_open and file.is_rewritten)

    fewest = sizes.open_day_files if is_open else 2
    runs = [tuple(run) for small, run in groupby(files, key=is_small) if small]
    return tuple(run for run in runs if len(run) >= fewest)


def compact(
    table: Table,
    day: DayOfSmallFiles,
    sizes: CompactionSizes,
    keep_going: KeepGoing = lambda: True,
) -> Compacted | None:
    """Rewrite a day's small files in one commit, with one row group in memory at a time.

    A compaction that fails or is killed leaves the table as it was, and orphans at most.

    Args:
        table: The raw table, which is reloaded for the commit.
        day: The files to rewrite.
        sizes: The size at which a new file is full.
        keep_going: Asked before each row group and before the commit; False stops the compaction.

    Returns:
        The result; None when another writer has replaced one of the files meanwhile.

    Raises:
        CompactionStopped: `keep_going` returned False.
        CommitConflict: Another writer kept committing first.
        RowsDiffer: The files have another number of rows than the table says.
    """
    written: list[IcebergDataFile] = []
    try:
        for run in day.runs:
            written.extend(_rewrite(table, run, sizes.target_bytes, keep_going))
        _check_rows(day, written)
        _check_going(keep_going)
    except BaseException:
        _discard(table, written)
        raise
    try:
        snapshot = replace_compacted(table, [file.path for file in day.files], written)
    except CommitConflict:
        # After any other error the commit may have succeeded, and the table may need the files.
        _discard(table, written)
        raise
    if snapshot is None:
        _discard(table, written)
        return None
    return Compacted(snapshot, len(written), sum(file.file_size_in_bytes for file in written))


def _rewrite(
    table: Table, run: Sequence[DataFile], target_bytes: int, keep_going: KeepGoing
) -> Iterator[IcebergDataFile]:
    """Write the rows of a run to new files, and yield these."""
    schema = _schema_of(table, run)
    groups = _while(keep_going, row_groups(read(table, run)))
    # Numbered, because files with rows of the same commit are ordered by name.
    name = uuid4().hex
    for number in count():
        first = next(groups, None)
        if first is None:
            return
        yield write_data_file(
            table, schema, run[0].day, f"{number:05}-{name}", chain([first], groups), target_bytes
        )


def _schema_of(table: Table, run: Sequence[DataFile]) -> Schema:
    """Return the table's schema with those optional fields that at least one of the files has."""
    stored: set[int] = set()
    for file in run:
        with table.io.new_input(file.path).open() as source:
            stored |= stored_ids(SCHEMA, pq.read_schema(source))
    return without_unfilled(SCHEMA, stored)


def _while(keep_going: KeepGoing, groups: Iterator[pa.Table]) -> Iterator[pa.Table]:
    for group in groups:
        _check_going(keep_going)
        yield group


def _check_going(keep_going: KeepGoing) -> None:
    if not keep_going():
        raise CompactionStopped


def _check_rows(day: DayOfSmallFiles, written: Iterable[IcebergDataFile]) -> None:
    rows = sum(file.record_count for file in written)
    if rows != day.rows:
        raise RowsDiffer(day.day, day.rows, rows)


def _discard(table: Table, written: Iterable[IcebergDataFile]) -> None:
    """Remove files that no commit refers to. A file that can't be removed becomes an orphan."""
    for file in written:
        with suppress(OSError):
            table.io.delete(file.file_path)
