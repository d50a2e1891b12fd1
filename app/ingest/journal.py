"""The journal: where a contribution is durable before the lake has it.

Contributions that become durable in one transaction are one entry. Entries are pending until the
committer claims them for a batch, and keep their payload until the ledger names the snapshot that
holds them.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final, NamedTuple, Protocol
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.ingest.group_commit import GroupCommit
from app.ingest.idempotency import Place, idempotency_key, insert_keys, known_places
from app.ingest.runs import Run, decode_runs, encode_runs, length_of, runs_of, steps_of
from app.state import ledger
from app.state.db import Database, PersistentWriter, insert_missing
from app.state.models import Base, Claim, IdempotencyKey, JournalEntry
from app.telemetry import metrics
from catalog.records import Contribution
from catalog.schema import TABLE_NAME
from catalog.snapshots import Snapshot
from catalog.staging import StagedFile

_CHANGED_AT_ONCE: Final = 200
"""Entries that a transaction changes, so that it never holds the write lock for long."""
_CLAIMED_AT_ONCE: Final = 5_000
"""Entries that a claim takes at most: they are read while others wait to write."""

_IS_PENDING: Final = and_(JournalEntry.batch_id.is_(None), JournalEntry.payload_bytes > 0)

_INSERT_ENTRY: Final = Base.metadata.tables[JournalEntry.__tablename__].insert()
"""Made once, and from the table: an ORM class takes longer."""

_encode = msgspec.msgpack.Encoder().encode
_decode_rows = msgspec.msgpack.Decoder(list[Contribution]).decode
_decode_files = msgspec.msgpack.Decoder(list[StagedFile]).decode


class Acknowledged(Protocol):
    """What is durable in an entry of the journal."""

    @property
    def entry_id(self) -> int:
        """The entry."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that a contribution is durable.

    Attributes:
        ingest_id: The conversation's id, as its client knows it.
        contribution_id: The row's id: the earlier one's when the submission was a repetition.
        entry_id: The journal's entry that holds it.
    """

    ingest_id: str
    contribution_id: str
    entry_id: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be claimed."""

    entries: int
    contributions: int
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What a claim has.

    Attributes:
        rows: Contributions, in the order in which they were journalled.
        files: Data files that hold others.
    """

    rows: list[Contribution]
    files: list[StagedFile]


class _Item(NamedTuple):
    """A contribution that is about to become durable."""

    contribution_id: str
    received_at: datetime
    key: bytes | None
    payload: bytes


class Journal:
    """The durable queue between HTTP and the lake."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = PersistentWriter(database)
        self._appends = GroupCommit(self._append_group)

    def append(self, contribution: Contribution) -> Receipt:
        """Make a contribution durable, and return once it is.

        One that the journal has seen within the idempotency window, with the same submitter_id,
        ingest_id and content, is not written again.

        Raises:
            SQLAlchemyError: It could not be written; trying again is safe.
        """
        item = _Item(
            contribution.contribution_id,
            contribution.received_at,
            idempotency_key(contribution),
            _encode(contribution),
        )
        return Receipt(contribution.ingest_id, *self._appends.submit(item))

    def _append_group(self, items: Sequence[_Item]) -> list[Place]:
        """Write contributions in one transaction, count them, and return where each of them is."""
        places = self._write_group(items)
        accepted = sum(
            place.contribution_id == item.contribution_id
            for place, item in zip(places, items, strict=True)
        )
        metrics.journalled(accepted, len(items) - accepted)
        return places

    def _write_group(self, items: Sequence[_Item]) -> list[Place]:
        try:
            with self._writer.write() as connection:
                return _write(connection, items)
        except IntegrityError:
            # On PostgreSQL another writer had one of them too, at the same time: it is there now.
            with self._writer.write() as connection:
                return _write(connection, items)

    def close(self) -> None:
        """Give back the connection that appends keep open."""
        self._writer.close()

    def check(self) -> None:
        """Prove by a synced write, which leaves nothing behind, that an append would succeed now.

        Raises:
            SQLAlchemyError: It would not.
        """
        probe = {"key": secrets.token_bytes(32), "contribution_id": "", "entry_id": 0}
        with self._database.write() as connection:
            connection.execute(insert(IdempotencyKey), [probe])
            connection.execute(delete(IdempotencyKey).where(IdempotencyKey.key == probe["key"]))

    def snapshot_of(self, receipt: Acknowledged) -> Snapshot | None:
        """Return the snapshot that an entry landed in, or None before it is committed."""
        with self._database.read() as connection:
            batch_id = connection.scalar(
                select(JournalEntry.batch_id).where(JournalEntry.entry_id == receipt.entry_id)
            )
            return ledger.by_batch(connection, batch_id) if batch_id else None

    def backlog(self) -> Backlog:
        """Return how much waits to be claimed."""
        with self._database.read() as connection:
            row = connection.execute(
                select(
                    func.count(JournalEntry.entry_id),
                    func.coalesce(func.sum(JournalEntry.contributions), 0),
                    func.coalesce(func.sum(JournalEntry.payload_bytes), 0),
                ).where(_IS_PENDING)
            ).one()
        return Backlog(*row)

    def open_claim(self) -> UUID | None:
        """Return the batch that was claimed and not settled, if there is one."""
        with self._database.read() as connection:
            return _open_claim(connection)

    def claim(self, max_rows: int, max_bytes: int) -> UUID | None:
        """Claim pending entries for a batch, oldest first, and return its id.

        There is one open claim at a time: when there is one already, it is returned instead. At
        least one entry is claimed, however large, and not so many that writers would wait for
        long. None means that nothing is pending.
        """
        batch_id = uuid4()
        claim = {
            "table_name": TABLE_NAME,
            "batch_id": str(batch_id),
            "entry_runs": b"",
            "claimed_at": datetime.now(UTC),
        }
        with self._database.write() as connection:
            # Before looking for entries: whoever held the claim until now has marked its own.
            if not connection.execute(insert_missing(connection, Claim), [claim]).rowcount:
                return _open_claim(connection)
            runs = runs_of(_pending_ids(connection, max_rows, max_bytes))
            if not runs:
                connection.execute(delete(Claim))
                return None
            connection.execute(update(Claim).values(entry_runs=encode_runs(runs)))
        return batch_id

    def batch(self, batch_id: UUID) -> Batch | None:
        """Return what an open claim has.

        None means that another committer has settled it meanwhile, be it in part: what is left
        of the payloads must not be taken for the batch.
        """
        with self._database.read() as connection:
            runs = _claimed_runs(connection, batch_id)
            entries = [
                entry
                for first, last in runs
                for entry in connection.execute(
                    select(JournalEntry.payload, JournalEntry.in_files)
                    .where(JournalEntry.entry_id.between(first, last))
                    .order_by(JournalEntry.entry_id)
                )
                if entry.payload is not None
            ]
        if not entries or len(entries) < length_of(runs):
            return None
        return Batch(
            [row for each in entries if not each.in_files for row in _decode_rows(each.payload)],
            [file for each in entries if each.in_files for file in _decode_files(each.payload)],
        )

    def protected_paths(self) -> set[str]:
        """Return the data files that pending entries refer to, and no snapshot does yet."""
        with self._database.read() as connection:
            payloads = connection.scalars(
                select(JournalEntry.payload).where(
                    JournalEntry.batch_id.is_(None), JournalEntry.in_files
                )
            )
            return {
                file.path
                for payload in payloads
                if payload is not None  # An upload is under way.
                for file in _decode_files(payload)
            }

    def settle(self, batch_id: UUID, snapshot: Snapshot) -> None:
        """Write a committed batch to the ledger, mark its entries, and clear its claim.

        Readers see the batch once the ledger has it. Its entries are marked in short transactions,
        since submissions wait for each; the claim is cleared last, so that whoever takes over after
        a death in between settles it again.
        """
        with self._database.write() as connection:
            ledger.record(connection, [snapshot])
            runs = _claimed_runs(connection, batch_id)
        for first, last in steps_of(runs, _CHANGED_AT_ONCE):
            with self._database.write_step() as connection:
                connection.execute(
                    update(JournalEntry)
                    .where(JournalEntry.entry_id.between(first, last))
                    .values(batch_id=str(batch_id), payload=None)
                )
        with self._database.write() as connection:
            connection.execute(delete(Claim).where(Claim.batch_id == str(batch_id)))


def _write(connection: Connection, items: Sequence[_Item]) -> list[Place]:
    """Write those of the contributions that the journal hasn't yet as one entry."""
    # The first of those that are the same: dict keeps the last.
    keyed = {item.key: item for item in reversed(items) if item.key is not None}
    places = known_places(connection, keyed) if keyed else {}
    fresh = [
        item
        for item in items
        if item.key is None or (item.key not in places and keyed[item.key] is item)
    ]
    entry_id = _insert_entry(connection, fresh) if fresh else 0
    new = {item.key: Place(item.contribution_id, entry_id) for item in fresh if item.key}
    if new:
        insert_keys(connection, new)
        places |= new
    return [
        places[item.key] if item.key else Place(item.contribution_id, entry_id) for item in items
    ]


def _insert_entry(connection: Connection, items: Sequence[_Item]) -> int:
    payload = _encode([msgspec.Raw(item.payload) for item in items])
    entry = {
        "received_at": items[0].received_at,
        "contributions": len(items),
        "payload": payload,
        "payload_bytes": len(payload),
    }
    (entry_id,) = connection.execute(_INSERT_ENTRY, entry).inserted_primary_key or (0,)
    return int(entry_id)


def _pending_ids(connection: Connection, max_rows: int, max_bytes: int) -> list[int]:
    pending = connection.execute(
        select(
            JournalEntry.entry_id,
            JournalEntry.contributions,
            JournalEntry.payload_bytes,
            JournalEntry.in_files,
        )
        .where(_IS_PENDING)
        .order_by(JournalEntry.entry_id)
        .limit(min(max_rows, _CLAIMED_AT_ONCE))
    ).all()
    # Rows that are in files already take no memory.
    rows = accumulate(0 if entry.in_files else entry.contributions for entry in pending)
    sizes = accumulate(entry.payload_bytes for entry in pending)
    fitting = sum(
        count <= max_rows and size <= max_bytes for count, size in zip(rows, sizes, strict=True)
    )
    return [entry.entry_id for entry in pending[: max(1, fitting)]]


def _claimed_runs(connection: Connection, batch_id: UUID) -> list[Run]:
    encoded = connection.scalar(select(Claim.entry_runs).where(Claim.batch_id == str(batch_id)))
    return decode_runs(encoded) if encoded else []


def _open_claim(connection: Connection) -> UUID | None:
    batch_id = connection.scalar(select(Claim.batch_id).where(Claim.table_name == TABLE_NAME))
    return UUID(batch_id) if batch_id else None
