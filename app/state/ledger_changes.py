"""Changing the ledger: recording snapshots, and the counts of rows that are erased."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import accumulate
from typing import Final

from sqlalchemy import Connection, bindparam, select, text, update

from app.state import ledger
from app.state.db import insert_missing
from app.state.models import LedgerEntry
from catalog.snapshots import Snapshot

_AFTER_EVERY_COMMIT: Final = 2**63 - 1
_COUNTS: Final = ("added_rows", "total_rows", "added_files", "added_bytes")
# Made once, as the statements of `ledger` are.
_SUBTRACT_TOTAL: Final = (
    update(LedgerEntry)
    .where(
        LedgerEntry.sequence_number >= bindparam("first"),
        LedgerEntry.sequence_number < bindparam("end"),
    )
    .values(total_rows=LedgerEntry.total_rows - bindparam("sum"))
)
_SUBTRACT_ADDED: Final = (
    update(LedgerEntry)
    .where(LedgerEntry.sequence_number == bindparam("number"))
    .values(added_rows=LedgerEntry.added_rows - bindparam("erased"))
)
_CORRECT: Final = (
    update(LedgerEntry)
    .where(LedgerEntry.snapshot_id == bindparam("of_id"))
    .values({name: bindparam(name) for name in _COUNTS})
)
_LOWER_EARLIER: Final = (
    update(LedgerEntry)
    .where(
        LedgerEntry.as_of_from > bindparam("moment"),
        LedgerEntry.sequence_number < bindparam("number"),
    )
    .values(as_of_from=bindparam("moment"))
)
_AS_OF_FROM_BEFORE: Final = (
    select(LedgerEntry.as_of_from)
    .where(LedgerEntry.sequence_number < bindparam("number"))
    .order_by(LedgerEntry.sequence_number.desc())
    .limit(1)
)
_AS_OF_FROM_AFTER: Final = (
    select(LedgerEntry.as_of_from)
    .where(LedgerEntry.sequence_number > bindparam("number"))
    .order_by(LedgerEntry.sequence_number)
    .limit(1)
)


def record(connection: Connection, snapshots: Iterable[Snapshot]) -> None:
    """Write snapshots to the ledger; those that it has already stay as they are.

    They may come in any order: a compaction is recorded beside the commits of batches.

    Args:
        connection: A transaction that writes.
        snapshots: The snapshots.
    """
    given = list(snapshots)
    _lock(connection)
    known = ledger.existing(connection, (snapshot.snapshot_id for snapshot in given))
    for snapshot in given:
        if snapshot.snapshot_id not in known:
            _record_new(connection, snapshot)


def subtract(connection: Connection, rows: Mapping[int, int]) -> None:
    """Take rows that were erased off the counts of the commits that added them, and of later ones.

    Args:
        connection: A transaction that writes.
        rows: How many rows were erased, by the sequence number of the commit that added them.
    """
    if not rows:
        return
    numbers = sorted(rows)
    sums = accumulate(rows[number] for number in numbers)
    ends = [*numbers[1:], _AFTER_EVERY_COMMIT]
    connection.execute(
        _SUBTRACT_TOTAL,
        [
            {"first": first, "end": end, "sum": total}
            for first, end, total in zip(numbers, ends, sums, strict=True)
        ],
    )
    connection.execute(
        _SUBTRACT_ADDED, [{"number": number, "erased": rows[number]} for number in numbers]
    )


def correct(connection: Connection, snapshots: Iterable[Snapshot]) -> None:
    """Put the counts of live snapshots as the table states them; others stay as they are.

    Args:
        connection: A transaction that writes.
        snapshots: Snapshots that the ledger may have.
    """
    counts = [
        {"of_id": snapshot.snapshot_id, **{name: getattr(snapshot, name) for name in _COUNTS}}
        for snapshot in snapshots
    ]
    if counts:
        connection.execute(_CORRECT, counts)


def _lock(connection: Connection) -> None:
    """Keep others from recording until this transaction has ended; SQLite does so itself.

    Otherwise neither of two transactions would see that the clock was set back between its snapshot
    and the other one's.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("LOCK TABLE ledger IN SHARE ROW EXCLUSIVE MODE"))


def _record_new(connection: Connection, snapshot: Snapshot) -> None:
    """Write a snapshot, with the earliest time of commit from it on, and keep that of others true.

    Others change only where a clock was set back: then the entries that it had put into the future
    get the time of the first commit after that.
    """
    number = {"number": snapshot.sequence_number}
    after = connection.scalar(_AS_OF_FROM_AFTER, number)
    moment = min(snapshot.committed_at, after or snapshot.committed_at)
    row = {**asdict(snapshot), "as_of_from": moment}
    connection.execute(insert_missing(connection, LedgerEntry), row)
    # The entry before has the latest time of all that are earlier.
    before = connection.scalar(_AS_OF_FROM_BEFORE, number)
    if before is not None and before > moment:
        connection.execute(_LOWER_EARLIER, {**number, "moment": moment})
