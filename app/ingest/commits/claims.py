"""Claims: how the committer takes entries from the journal, a batch at a time.

At most one claim is open. It names the entries of a batch from before the batch's commit until the
batch is settled, so that any committer can finish the batch.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Connection, delete, select, text, update

from app.ingest.journal.entries import IS_PENDING, decode_contributions, decode_files
from app.state import ledger_changes
from app.state.db import Database, insert_missing
from app.state.models import Claim, JournalEntry
from app.state.prepared import Prepared
from catalog.records import Contribution
from catalog.schema import TABLE_NAME
from catalog.snapshots import Snapshot
from catalog.writing.staging import StagedFile

ENTRIES_PER_STEP: Final = 200
"""Entries that a transaction marks, so that it never holds the write lock for long."""
_MAX_CLAIMED_ENTRIES: Final = 5_000
"""Entries of one claim at most: they are read while others wait to write."""

IdRange = tuple[int, int]
"""The first and the last of consecutive entry ids."""

_SELECT_OPEN_CLAIM: Final = Prepared(select(Claim.batch_id).where(Claim.table_name == TABLE_NAME))
_encode_ranges = msgspec.msgpack.Encoder().encode
_decode_ranges = msgspec.msgpack.Decoder(list[IdRange]).decode


@dataclass(frozen=True, slots=True)
class ClaimedUpload:
    """An upload in a batch.

    Attributes:
        entry_id: The id of the journal entry that has the upload.
        files: The data files that the upload has written.
        is_whole: Whether all rows are there with which it was acknowledged.
    """

    entry_id: int
    files: list[StagedFile]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Batch:
    """The content of a claim.

    Attributes:
        rows: Contributions whose entries hold them, in the order in which they were journalled.
        uploads: Uploads, whose data files hold the other contributions.
    """

    rows: list[Contribution]
    uploads: list[ClaimedUpload]

    @property
    def files(self) -> list[StagedFile]:
        """The data files of the uploads."""
        return [file for upload in self.uploads for file in upload.files]


class Claims:
    """The claims of all committers of a lake."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_claim(self) -> UUID | None:
        """Return the id of the batch that is claimed and not settled, or None without one."""
        with self._database.read() as connection:
            return _open_claim(connection)

    def claim(self, max_rows: int, max_bytes: int) -> UUID | None:
        """Claim pending entries for a batch, oldest first, and return the batch's id.

        When there is an open claim already, its batch is returned instead. At least one entry is
        claimed, however large, and not so many that writers would wait for long.

        Returns:
            The id of the batch, or None when nothing is pending.
        """
        batch_id = uuid4()
        claim = {
            "table_name": TABLE_NAME,
            "batch_id": str(batch_id),
            "entry_runs": b"",
            "claimed_at": datetime.now(UTC),
        }
        with self._database.write() as connection:
            # Before looking for entries: the committer that held the claim has marked its entries.
            if not connection.execute(insert_missing(connection, Claim), [claim]).rowcount:
                return _open_claim(connection)
            ranges = _to_ranges(_pending_ids(connection, max_rows, max_bytes))
            if not ranges:
                connection.execute(delete(Claim))
                return None
            connection.execute(update(Claim).values(entry_runs=_encode_ranges(ranges)))
        return batch_id

    def batch(self, batch_id: UUID) -> Batch | None:
        """Return the content of an open claim.

        Returns:
            The batch, or None when another committer has settled the claim or a part of it: the
            payloads that are left then must not be taken for the batch.
        """
        with self._database.read() as connection:
            ranges = _claimed_ranges(connection, batch_id)
            entries = [
                entry
                for first, last in ranges
                for entry in connection.execute(
                    select(JournalEntry.entry_id, JournalEntry.payload, JournalEntry.in_files)
                    .where(JournalEntry.entry_id.between(first, last))
                    .order_by(JournalEntry.entry_id)
                )
                if entry.payload is not None
            ]
        if not entries or len(entries) < _count_ids(ranges):
            return None
        return Batch(
            rows=[
                row
                for entry in entries
                if not entry.in_files
                for row in decode_contributions(entry.payload)
            ],
            uploads=[
                ClaimedUpload(entry.entry_id, decode_files(entry.payload))
                for entry in entries
                if entry.in_files
            ],
        )

    def protected_paths(self) -> set[str]:
        """Return the URLs of the data files that only entries of the journal refer to."""
        with self._database.read() as connection:
            return staged_paths(connection)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let no batch be claimed or settled within the block; submissions to SQLite wait too."""
        with self._database.write() as connection:
            if not self._database.is_sqlite:
                connection.execute(text(f"LOCK TABLE {Claim.__tablename__} IN SHARE MODE"))
            yield

    def settle(self, batch_id: UUID, snapshot: Snapshot) -> None:
        """Write a committed batch to the ledger, mark its entries, and clear its claim.

        Readers see the batch once the ledger has it. Its entries are marked in short transactions,
        since submissions wait for each; the claim is cleared last, so that a committer that
        takes over after a death in between settles it again.
        """
        with self._database.write() as connection:
            ledger_changes.record(connection, [snapshot])
            ranges = _claimed_ranges(connection, batch_id)
        for first, last in _split(ranges, ENTRIES_PER_STEP):
            with self._database.write() as connection:
                connection.execute(
                    update(JournalEntry)
                    .where(JournalEntry.entry_id.between(first, last))
                    .values(batch_id=str(batch_id), payload=None)
                )
        with self._database.write() as connection:
            connection.execute(delete(Claim).where(Claim.batch_id == str(batch_id)))


def staged_paths(connection: Connection) -> set[str]:
    """Return the URLs of the data files that only entries of the journal refer to."""
    payloads = connection.scalars(
        select(JournalEntry.payload).where(JournalEntry.batch_id.is_(None), JournalEntry.in_files)
    )
    return {
        file.path
        for payload in payloads
        if payload is not None  # An upload is under way.
        for file in decode_files(payload)
    }


def claimed_entries(connection: Connection, batch_id: str) -> Iterator[tuple[int, bool]]:
    """Yield the ids of the entries of a claim, and whether the journal still has each."""
    for first, last in _claimed_ranges(connection, UUID(batch_id)):
        there = set(
            connection.scalars(
                select(JournalEntry.entry_id).where(JournalEntry.entry_id.between(first, last))
            )
        )
        yield from ((entry_id, entry_id in there) for entry_id in range(first, last + 1))


def _open_claim(connection: Connection) -> UUID | None:
    claims = _SELECT_OPEN_CLAIM.fetch(connection)
    return UUID(claims[0][0]) if claims else None


def _pending_ids(connection: Connection, max_rows: int, max_bytes: int) -> list[int]:
    """Return the ids of the entries to claim, oldest first."""
    pending = connection.execute(
        select(
            JournalEntry.entry_id,
            JournalEntry.contributions,
            JournalEntry.payload_bytes,
            JournalEntry.in_files,
        )
        .where(IS_PENDING)
        .order_by(JournalEntry.entry_id)
        .limit(min(max_rows, _MAX_CLAIMED_ENTRIES))
    ).all()
    # Rows that are in files already take no memory.
    rows = accumulate(0 if entry.in_files else entry.contributions for entry in pending)
    sizes = accumulate(entry.payload_bytes for entry in pending)
    fitting = sum(
        count <= max_rows and size <= max_bytes for count, size in zip(rows, sizes, strict=True)
    )
    return [entry.entry_id for entry in pending[: max(1, fitting)]]


def _claimed_ranges(connection: Connection, batch_id: UUID) -> list[IdRange]:
    encoded = connection.scalar(select(Claim.entry_runs).where(Claim.batch_id == str(batch_id)))
    return _decode_ranges(encoded) if encoded else []


def _to_ranges(ids: Iterable[int]) -> list[IdRange]:
    """Return ascending ids as ranges, in which a claim names many entries in few bytes.

    A range holds the ids that were seen and no others: on PostgreSQL, an id may become visible
    after a higher one.
    """
    ranges: list[IdRange] = []
    for entry_id in ids:
        if ranges and ranges[-1][1] == entry_id - 1:
            ranges[-1] = (ranges[-1][0], entry_id)
        else:
            ranges.append((entry_id, entry_id))
    return ranges


def _split(ranges: Iterable[IdRange], max_ids: int) -> Iterator[IdRange]:
    """Yield the ranges in pieces of up to `max_ids` ids."""
    for first, last in ranges:
        for start in range(first, last + 1, max_ids):
            yield start, min(start + max_ids - 1, last)


def _count_ids(ranges: Iterable[IdRange]) -> int:
    return sum(last - first + 1 for first, last in ranges)
