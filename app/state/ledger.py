"""The ledger: a record of every snapshot ever committed, whether it is still live or not.

`ledger_changes` writes it.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, select

from app.state.models import JournalEntry, LedgerEntry, ReleaseRecord
from app.state.parts import in_parts
from catalog.snapshots import Snapshot

_COLUMNS: Final = tuple(LedgerEntry.__table__.c[each.name] for each in fields(Snapshot))
# Made once: building a small statement takes as long as running it, and every reading runs one.
_SNAPSHOTS: Final[Select[Any]] = select(*_COLUMNS)
_NEWEST_FIRST: Final = _SNAPSHOTS.order_by(LedgerEntry.sequence_number.desc())
_NEWEST: Final = _NEWEST_FIRST.limit(1)
_AS_OF: Final = (
    _SNAPSHOTS.where(LedgerEntry.as_of_from <= bindparam("moment"))
    .order_by(LedgerEntry.as_of_from.desc(), LedgerEntry.sequence_number.desc())
    .limit(1)
)
_NEXT_ONES: Final = 256
"""Number of snapshots that are looked at to find the first after a moment."""


def by_id(connection: Connection, snapshot_id: int) -> Snapshot | None:
    """Return the snapshot with an id; None when there is none."""
    return _only(connection, _SNAPSHOTS.where(LedgerEntry.snapshot_id == snapshot_id))


def by_journal_entries(connection: Connection, entry_ids: Collection[int]) -> dict[int, Snapshot]:
    """Return the snapshots that hold entries of the journal, by the ids of the entries.

    Entries that aren't committed yet, or that the journal doesn't have, are left out.
    """
    query = (
        select(JournalEntry.entry_id, *_COLUMNS)
        .join(LedgerEntry, LedgerEntry.batch_id == JournalEntry.batch_id)
        .where(JournalEntry.entry_id.in_(entry_ids))
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return {row.pop("entry_id"): Snapshot(**row) for row in rows}


def first_from(connection: Connection, number: int) -> Snapshot | None:
    """Return the first snapshot that has the rows of the commit with a sequence number.

    The ledger may lack a commit of another engine; its rows are in the snapshot after it then.
    """
    query = _SNAPSHOTS.where(LedgerEntry.sequence_number >= number)
    return _only(connection, query.order_by(LedgerEntry.sequence_number).limit(1))


def by_release(connection: Connection, name: str) -> Snapshot | None:
    """Return the snapshot of a release that is published, or that its build publishes.

    Args:
        connection: A connection to the database.
        name: A name, which may be any text.

    Returns:
        The snapshot; None if no such release has the name.
    """
    if not name.isprintable():
        # PostgreSQL would refuse a NUL or half of a surrogate pair, which no name has.
        return None
    is_published = (ReleaseRecord.state == "published") | (
        (ReleaseRecord.state == "building") & (ReleaseRecord.step == "publish")
    )
    query = _SNAPSHOTS.join(
        ReleaseRecord, ReleaseRecord.sequence_number == LedgerEntry.sequence_number
    )
    return _only(connection, query.where(ReleaseRecord.name == name, is_published))


def by_sequence_numbers(connection: Connection, numbers: Iterable[int]) -> dict[int, Snapshot]:
    """Return the snapshots with some sequence numbers, by these numbers."""
    query = _SNAPSHOTS.where(LedgerEntry.sequence_number.in_(set(numbers)))
    snapshots = (Snapshot(**row) for row in connection.execute(query).mappings())
    return {snapshot.sequence_number: snapshot for snapshot in snapshots}


def recorded_since(connection: Connection, sequence_number: int) -> set[int]:
    """Return the ids of the snapshots from a sequence number on."""
    ids = select(LedgerEntry.snapshot_id).where(LedgerEntry.sequence_number >= sequence_number)
    return set(connection.scalars(ids))


def newest(connection: Connection, before: int | None = None) -> Snapshot | None:
    """Return the newest snapshot; None when there is none.

    Args:
        connection: A connection to the database.
        before: Only snapshots with a lower sequence number than this; None for all.
    """
    query = _NEWEST
    if before is not None:
        query = query.where(LedgerEntry.sequence_number < before)
    return _only(connection, query)


def as_of(connection: Connection, moment: datetime) -> Snapshot | None:
    """Return the snapshot with the highest sequence number of those committed by a moment.

    A commit that came after another one counts with it, though its clock was behind: by the moment
    of the later commit, the earlier one had been made.

    Args:
        connection: A connection to the database.
        moment: The moment.

    Returns:
        The snapshot; None when none was committed by then.
    """
    row = connection.execute(_AS_OF, {"moment": moment}).mappings().first()
    return Snapshot(**row) if row else None


def first_after(connection: Connection, moment: datetime) -> int | None:
    """Return the lowest sequence number of the snapshots that were committed after a moment.

    Args:
        connection: A connection to the database.
        moment: The moment.

    Returns:
        The sequence number; None when nothing was committed after the moment.
    """
    # Clocks may be set back a little, so the next one by time may not be the first by number. All
    # that came after the moment may be a million.
    next_ones = (
        select(LedgerEntry.sequence_number)
        .where(LedgerEntry.committed_at > moment)
        .order_by(LedgerEntry.committed_at)
        .limit(_NEXT_ONES)
        .subquery()
    )
    found: int | None = connection.scalar(select(func.min(next_ones.c.sequence_number)))
    return found


def existing(
    connection: Connection, snapshot_ids: Iterable[int | None], before: int | None = None
) -> set[int]:
    """Return those of some ids that are ids of snapshots.

    Args:
        connection: A connection to the database.
        snapshot_ids: The ids.
        before: Only snapshots with a lower sequence number than this; None for all.
    """
    found: set[int] = set()
    for some in in_parts(sorted({each for each in snapshot_ids if each is not None})):
        query = select(LedgerEntry.snapshot_id).where(LedgerEntry.snapshot_id.in_(some))
        if before is not None:
            query = query.where(LedgerEntry.sequence_number < before)
        found.update(connection.scalars(query))
    return found


def removed_rows(connection: Connection, after: int, until: int) -> int:
    """Return how many rows were removed by the commits in a range of sequence numbers.

    Args:
        connection: A connection to the database.
        after: The sequence number before the first commit of the range.
        until: The sequence number of the last commit of the range.
    """
    changed = select(func.sum(LedgerEntry.added_rows)).where(
        LedgerEntry.sequence_number > after,
        LedgerEntry.sequence_number <= until,
        LedgerEntry.added_rows < 0,
    )
    return -int(connection.scalar(changed) or 0)


def added_bytes_by_day(connection: Connection, after: int, until: int) -> dict[date, int]:
    """Return the size of the data files that commits added, by the day of the commit in UTC.

    Args:
        connection: A connection to the database.
        after: The sequence number before the first commit.
        until: The sequence number of the last commit.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    committed_at = LedgerEntry.committed_at
    # SQLite's times are texts in UTC.
    day = func.date(committed_at if is_sqlite else func.timezone("UTC", committed_at))
    query = (
        select(day, func.sum(LedgerEntry.added_bytes))
        .where(LedgerEntry.sequence_number > after, LedgerEntry.sequence_number <= until)
        .group_by(day)
    )
    return {date.fromisoformat(str(on)): int(added) for on, added in connection.execute(query)}


def oldest_first(connection: Connection) -> Iterator[Snapshot]:
    """Yield every snapshot, by ascending sequence number."""
    query = _SNAPSHOTS.order_by(LedgerEntry.sequence_number)
    for row in connection.execute(query).mappings():
        yield Snapshot(**row)


def page(connection: Connection, limit: int, before: int | None = None) -> list[Snapshot]:
    """Return snapshots, newest first.

    Args:
        connection: A connection to the database.
        limit: Most snapshots to return.
        before: Only snapshots with a lower sequence number than this; None for all.
    """
    query = _NEWEST_FIRST.limit(limit)
    if before is not None:
        query = query.where(LedgerEntry.sequence_number < before)
    return [Snapshot(**row) for row in connection.execute(query).mappings()]


def _only(connection: Connection, query: Select[Any]) -> Snapshot | None:
    row = connection.execute(query).mappings().first()
    return Snapshot(**row) if row else None
