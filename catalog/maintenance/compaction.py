"""Compaction: the many small files of a day become few, and nothing else changes.

The rows stay in their order, and each has the sequence number of the commit that added it written
out, so that every snapshot reads as before.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import chain, count, groupby
from uuid import uuid4

import pyarrow as pa
from pyiceberg.manifest import DataFile as IcebergDataFile
from pyiceberg.table import Table

from catalog.arrow import row_groups
from catalog.errors import CommitConflict, LakeError
from catalog.maintenance.data_files import write_data_file
from catalog.maintenance.replace import replace_files
from catalog.scan import DataFile, plan, read
from catalog.snapshots import Snapshot, describe

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
        CompactionStopped: `keep_going` was false, asked before each row group and the commit.
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
        snapshot = replace_files(table, [file.path for file in day.files], written)
    except CommitConflict:
        # After any other error the commit may have succeeded, and the files be those of the table.
        _discard(table, written)
        raise
    if snapshot is None:
        _discard(table, written)
        return None
    return Compacted(snapshot, len(written), sum(file.file_size_in_bytes for file in written))


def _rewrite(
    table: Table, run: Sequence[DataFile], target_bytes: int, keep_going: KeepGoing
) -> Iterator[IcebergDataFile]:
    """Write the rows of some files of a day to new ones, and yield those."""
    groups = _while(keep_going, row_groups(read(table, run)))
    # Numbered: files that hold rows of one commit alone keep their order by name.
    name = uuid4().hex
    for number in count():
        first = next(groups, None)
        if first is None:
            return
        yield write_data_file(
            table, run[0].day, f"{number:05}-{name}", chain([first], groups), target_bytes
        )


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
    """Remove files that no commit has named; what can't be removed is an orphan."""
    for file in written:
        with suppress(OSError):
            table.io.delete(file.file_path)
