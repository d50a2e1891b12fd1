"""Which contributions a later version had replaced as of a snapshot, day by day.

The committer writes that to the table `replaced`. A reader gets it for the days that it reads, from
data files that never change, so a process keeps the rows of those that it read last.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from threading import Lock
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache
from pyiceberg.table import Table

from app.query.snapshots import SnapshotView
from catalog.reading.membership import NO_IDS
from catalog.reading.plans import BEFORE_EVERY_COMMIT
from catalog.records import day_of
from catalog.replaced import ReplacedFile, read_replaced, replaced_files
from catalog.schema import ID, SEQUENCE_NUMBER

CACHE_BYTES: Final = 32 * 1024 * 1024
"""Size of the rows that a process keeps: half a million."""
_REMEMBERED_PLANS: Final = 4
_COLUMNS: Final = (ID, SEQUENCE_NUMBER)
NO_ROWS: Final = pa.table({ID: NO_IDS, SEQUENCE_NUMBER: pa.array([], pa.int64())})
"""What was replaced of nothing."""

FilesByDay = Mapping[date, Sequence[ReplacedFile]]


@dataclass(frozen=True, slots=True)
class ReplacedAsOf:
    """What was replaced as of one snapshot.

    Attributes:
        reader: Reads the rows.
        table: The table `replaced`; None while the lake is empty.
        sequence_number: The sequence number of the snapshot.
    """

    reader: "ReplacedReader"
    table: Table | None
    sequence_number: int

    def on(self, day: date, after: int = BEFORE_EVERY_COMMIT) -> pa.Array:
        """Return the ids of what was replaced of a day, ascending.

        Args:
            day: The day of receipt, in UTC.
            after: The sequence number of the commit after which it was replaced.
        """
        ids = [self.ids_of(file, after) for file in self.files_of(day, after)]
        if len(ids) == 1:
            return ids[0]
        return pa.concat_arrays([NO_IDS, *ids]).sort() if ids else NO_IDS

    def files_of(self, day: date, after: int = BEFORE_EVERY_COMMIT) -> list[ReplacedFile]:
        """Return the data files of a day that may say what was replaced after a commit."""
        files = self.reader.files(self.table).get(day, ()) if self.table is not None else ()
        return [
            file
            for file in files
            if file.first_sequence_number <= self.sequence_number
            and file.last_sequence_number > after
        ]

    def days_since(self, after: int) -> list[date]:
        """Return the days of which something may have been replaced after a commit, in order."""
        days = self.reader.files(self.table) if self.table is not None else ()
        return sorted(day for day in days if self.files_of(day, after))

    def count(self, file: ReplacedFile, after: int) -> int:
        """Return how many contributions one of the data files says were replaced after a commit."""
        is_whole = file.last_sequence_number <= self.sequence_number
        if is_whole and file.first_sequence_number > after:
            return file.rows
        return len(self.ids_of(file, after))

    def files(self) -> Iterator[ReplacedFile]:
        """Yield the data files, oldest day first; rows of some may be newer than the snapshot."""
        if self.table is not None:
            for of_day in self.reader.files(self.table).values():
                yield from of_day

    def ids_of(self, file: ReplacedFile, after: int = BEFORE_EVERY_COMMIT) -> pa.Array:
        """Return the ids of what a data file says was replaced after a commit, ascending."""
        return self.rows_of(file, after)[ID].combine_chunks().cast(NO_IDS.type)

    def rows_of(self, file: ReplacedFile, after: int = BEFORE_EVERY_COMMIT) -> pa.Table:
        """Return the ids in a data file with the numbers of the commits that replaced them.

        Args:
            file: The data file.
            after: The sequence number of the commit after which they were replaced.

        Returns:
            A table of `contribution_id`, ascending, and `sequence_number`.
        """
        if self.table is None:
            return NO_ROWS
        return _between(self.reader.rows(self.table, file), after, self.sequence_number)

    def near(self, ids: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Return the ids of what was replaced of the days from the first to the last of some ids.

        Args:
            ids: Ids in any order.
        """
        bounds = pc.min_max(ids).as_py()
        if self.table is None or bounds["min"] is None:
            return NO_IDS
        first, last = day_of(bounds["min"]) or date.min, day_of(bounds["max"]) or date.max
        days = sorted(day for day in self.reader.files(self.table) if first <= day <= last)
        return pa.concat_arrays([NO_IDS, *map(self.on, days)])


class ReplacedReader:
    """Reads what was replaced, for all requests of a process."""

    def __init__(self, load_table: Callable[[], Table], cache_bytes: int = CACHE_BYTES) -> None:
        """Prepare to read.

        Args:
            load_table: Returns the table `replaced` as it is now.
            cache_bytes: Size of the rows that are kept in memory.
        """
        self._load_table = load_table
        self._rows: LRUCache[str, pa.Table] = LRUCache(cache_bytes, getsizeof=attrgetter("nbytes"))
        self._files: LRUCache[str, FilesByDay] = LRUCache(_REMEMBERED_PLANS)
        self._lock = Lock()

    def as_of(self, view: SnapshotView) -> ReplacedAsOf:
        """Return what was replaced as of a snapshot."""
        if view.snapshot is None:
            return ReplacedAsOf(self, None, 0)
        # Loaded after the ledger was read, so that it has all rows of the snapshot's commits.
        return ReplacedAsOf(self, self._load_table(), view.snapshot.sequence_number)

    def files(self, table: Table) -> FilesByDay:
        """Return the data files of a state of the table, by day."""
        with self._lock:
            known = self._files.get(table.metadata_location)
        if known is None:
            by_day = groupby(replaced_files(table), key=attrgetter("day"))
            known = {day: list(files) for day, files in by_day}
            with self._lock:
                self._files[table.metadata_location] = known
        return known

    def rows(self, table: Table, file: ReplacedFile) -> pa.Table:
        """Return the ids and sequence numbers of a data file, in the order of the ids."""
        with self._lock:
            known = self._rows.get(file.path)
        if known is None:
            known = read_replaced(table, file, _COLUMNS).combine_chunks()
            with self._lock:
                if known.nbytes <= self._rows.maxsize:
                    self._rows[file.path] = known
        return known


def _between(rows: pa.Table, after: int, until: int) -> pa.Table:
    """Return the rows with a sequence number in a range, of which `after` is no part."""
    numbers = rows[SEQUENCE_NUMBER]
    bounds = pc.min_max(numbers).as_py()
    if bounds["max"] > until:
        rows = rows.filter(pc.less_equal(numbers, until))
    if bounds["min"] <= after:
        rows = rows.filter(pc.greater(rows[SEQUENCE_NUMBER], after))
    return rows
