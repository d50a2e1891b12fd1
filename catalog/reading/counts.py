"""The numbers of rows of all snapshots, counted from the data files of the newest one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow.compute as pc
from pyiceberg.table import Table

from catalog.manifests.entries import newest_entries
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.schema import SEQUENCE_NUMBER
from catalog.snapshots import Snapshot, to_snapshot
from catalog.wording import counted


@dataclass(frozen=True, slots=True)
class WrongCount:
    """A snapshot whose rows aren't as many as they are said to be.

    Attributes:
        snapshot_id: Id of the snapshot.
        sequence_number: Sequence number of the snapshot.
        stated: How many rows it is said to have.
        counted: How many rows it has.
    """

    snapshot_id: int
    sequence_number: int
    stated: int
    counted: int

    def __str__(self) -> str:
        rows = counted(self.counted, "row")
        return f"snapshot {self.snapshot_id} has {rows} instead of {self.stated}"


def rows_by_commit(table: Table) -> Counter[int]:
    """Count the rows of the raw table by the sequence number of the commit that added them.

    Of most files the metadata tells that; of files with rows of several commits the numbers are
    read.

    Raises:
        OSError: A file can't be read.
    """
    newest = table.current_snapshot()
    counts: Counter[int] = Counter()
    if newest is None:
        return counts
    for file in plan(table, to_snapshot(newest)):
        if file.first_sequence_number == file.last_sequence_number:
            counts[file.first_sequence_number] += file.rows
            continue
        for batch in read(table, [file], [SEQUENCE_NUMBER]):
            for each in pc.value_counts(batch.column(SEQUENCE_NUMBER)).to_pylist():
                counts[each["values"]] += each["counts"]
    return counts


def wrong_counts(rows: Mapping[int, int], snapshots: Iterable[Snapshot]) -> Iterator[WrongCount]:
    """Yield the snapshots whose number of rows isn't the stated one, in their order.

    Args:
        rows: The numbers of rows by the sequence number of the commit that added them.
        snapshots: Snapshots, live or thinned, by ascending sequence number.
    """
    numbers = sorted(rows)
    position = total = 0
    for snapshot in snapshots:
        while position < len(numbers) and numbers[position] <= snapshot.sequence_number:
            total += rows[numbers[position]]
            position += 1
        if snapshot.total_rows != total:
            yield WrongCount(
                snapshot.snapshot_id, snapshot.sequence_number, snapshot.total_rows, total
            )


def newest_rows(table: Table) -> int:
    """Return the number of rows of the newest snapshot of any table, as its files state it."""
    return sum(entry.data_file.record_count for entry in newest_entries(table))
