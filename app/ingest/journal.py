"""The journal: where a contribution is durable before the lake has it.

Its entries are pending until the committer claims them for a batch, and keep their payload until
the ledger names the snapshot that holds them.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import (
    Connection,
    Delete,
    Update,
    delete,
    func,
    insert,
    select,
    update,
)

from app import ledger
from app.db import Database, insert_missing
from app.ingest.group_commit import GroupCommit
from app.models import Claim, JournalEntry, LedgerEntry
from catalog.records import Contribution
from catalog.schema import TABLE_NAME
from catalog.snapshots import Snapshot

_TIDIED_AT_ONCE = 500
"""Entries that a transaction tidies, so that it never holds the write lock for long."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Contribution).decode


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that a contribution is durable.

    Attributes:
        ingest_id: The conversation's id, as its client knows it.
        contribution_id: The row's id: the earlier one's when the submission was a repetition.
        idempotency_key: What the journal knows it by.
    """

    ingest_id: str
    contribution_id: str
    idempotency_key: bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be claimed."""

    entries: int
    payload_bytes: int


class Journal:
    """The durable queue between HTTP and the lake."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._appends = GroupCommit(self._append_group)

    def append(self, contribution: Contribution) -> Receipt:
        """Make a contribution durable, and return once it is.

        One that the journal has seen within the idempotency window, with the same submitter_id,
        ingest_id and content, is not written again.

        Raises:
            SQLAlchemyError: It could not be written; trying again is safe.
        """
        payload = _encode(contribution)
        key = idempotency_key(contribution)
        entry = {
            "idempotency_key": key,
            "contribution_id": contribution.contribution_id,
            "received_at": contribution.received_at,
            "payload": payload,
            "payload_bytes": len(payload),
        }
        contribution_id = self._appends.submit(entry)
        return Receipt(contribution.ingest_id, contribution_id, key)

    def _append_group(self, entries: Sequence[dict[str, Any]]) -> list[str]:
        """Write the entries in one transaction, and return the contribution_id that each has."""
        # In one order everywhere: PostgreSQL's writers would deadlock on each other's keys.
        rows = sorted(entries, key=lambda entry: entry["idempotency_key"])
        with self._database.write() as connection:
            inserted = connection.execute(insert_missing(connection, JournalEntry), rows).rowcount
            earlier = {} if inserted == len(rows) else _contribution_ids(connection, rows)
        return [
            earlier.get(entry["idempotency_key"], entry["contribution_id"]) for entry in entries
        ]

    def check(self) -> None:
        """Prove by a synced write, which leaves nothing behind, that an append would succeed now.

        Raises:
            SQLAlchemyError: It would not.
        """
        probe = {
            "idempotency_key": secrets.token_bytes(32),
            "contribution_id": "",
            "received_at": datetime.now(UTC),
            "payload_bytes": 0,
        }
        key = JournalEntry.idempotency_key
        with self._database.write() as connection:
            connection.execute(insert(JournalEntry).values(probe))
            connection.execute(delete(JournalEntry).where(key == probe["idempotency_key"]))

    def snapshot_of(self, receipt: Receipt) -> Snapshot | None:
        """Return the snapshot that a contribution landed in, or None before it is committed."""
        with self._database.read() as connection:
            batch_id = connection.scalar(
                select(JournalEntry.batch_id).where(
                    JournalEntry.idempotency_key == receipt.idempotency_key
                )
            )
            return ledger.by_batch(connection, batch_id) if batch_id else None

    def backlog(self) -> Backlog:
        """Return how much waits to be claimed."""
        with self._database.read() as connection:
            entries, payload_bytes = connection.execute(
                select(
                    func.count(JournalEntry.entry_id),
                    func.coalesce(func.sum(JournalEntry.payload_bytes), 0),
                ).where(JournalEntry.batch_id.is_(None))
            ).one()
        return Backlog(entries, payload_bytes)

    def open_claim(self) -> UUID | None:
        """Return the batch that was claimed and not settled, if there is one."""
        with self._database.read() as connection:
            return _open_claim(connection)

    def claim(self, max_rows: int, max_bytes: int) -> UUID | None:
        """Claim pending entries for a batch, oldest first, and return its id.

        There is one open claim at a time: when there is one already, it is returned instead. At
        least one entry is claimed, however large. None means that nothing is pending.
        """
        rows = self._rows_within(max_rows, max_bytes)
        with self._database.write() as connection:
            if open_claim := _open_claim(connection):
                return open_claim
            # Chosen by id and not up to an id: on PostgreSQL a lower one may appear later.
            pending = (
                select(JournalEntry.entry_id)
                .where(JournalEntry.batch_id.is_(None))
                .order_by(JournalEntry.entry_id)
                .limit(rows)
            )
            batch_id = uuid4()
            claimed = connection.execute(
                update(JournalEntry)
                .where(JournalEntry.entry_id.in_(pending.scalar_subquery()))
                .values(batch_id=str(batch_id))
            )
            if not claimed.rowcount:
                return None
            connection.execute(
                insert(Claim).values(
                    table_name=TABLE_NAME, batch_id=str(batch_id), claimed_at=datetime.now(UTC)
                )
            )
            return batch_id

    def _rows_within(self, max_rows: int, max_bytes: int) -> int:
        """Return how many pending entries, oldest first, make up a batch; one is always enough."""
        with self._database.read() as connection:
            sizes = connection.scalars(
                select(JournalEntry.payload_bytes)
                .where(JournalEntry.batch_id.is_(None))
                .order_by(JournalEntry.entry_id)
                .limit(max_rows)
            )
            return max(1, sum(size <= max_bytes for size in accumulate(sizes)))

    def contributions(self, batch_id: UUID) -> list[Contribution]:
        """Return the contributions of an open claim, in the order in which they were journalled."""
        with self._database.read() as connection:
            payloads = connection.scalars(
                select(JournalEntry.payload)
                .where(JournalEntry.batch_id == str(batch_id), JournalEntry.payload.is_not(None))
                .order_by(JournalEntry.entry_id)
            )
            return [_decode(payload) for payload in payloads if payload is not None]

    def settle(self, batch_id: UUID, snapshot: Snapshot) -> None:
        """Write a committed batch to the ledger and clear its claim, in one transaction."""
        with self._database.write() as connection:
            ledger.record(connection, [snapshot])
            connection.execute(delete(Claim).where(Claim.batch_id == str(batch_id)))

    def tidy(self, idempotency_window: timedelta) -> None:
        """Drop the payloads of settled batches, and the entries past the idempotency window.

        Both in short transactions, since submissions wait for each.
        """
        while self._write(_drop_payloads()):
            pass
        while self._write(_drop_expired(datetime.now(UTC) - idempotency_window)):
            pass
        self._database.checkpoint()

    def _write(self, statement: Update | Delete) -> int:
        with self._database.write() as connection:
            return connection.execute(statement).rowcount


def idempotency_key(contribution: Contribution) -> bytes:
    """Return what makes two submissions the same: who sent it, under which id, with which content.

    The parts are encoded so that no two triples have the same bytes, and an anonymous contributor
    differs from every named one. A contribution without an id of the client's can't be repeated;
    its key is its own id, which grows with time, and spares the index a random place for it.
    """
    if contribution.ingest_id == contribution.contribution_id:
        return UUID(contribution.contribution_id).bytes
    identity = (contribution.submitter_id, contribution.ingest_id, contribution.content_hash)
    return hashlib.sha256(_encode(identity)).digest()


def _drop_payloads() -> Update:
    settled = (
        select(JournalEntry.entry_id)
        .join(LedgerEntry, LedgerEntry.batch_id == JournalEntry.batch_id)
        .where(
            JournalEntry.batch_id.is_not(None),
            JournalEntry.payload.is_not(None),
            # The ledger also learns of batches from the table, before their claim is settled.
            JournalEntry.batch_id.not_in(select(Claim.batch_id)),
        )
        .limit(_TIDIED_AT_ONCE)
    )
    return (
        update(JournalEntry)
        .where(JournalEntry.entry_id.in_(settled.scalar_subquery()))
        .values(payload=None)
    )


def _drop_expired(received_before: datetime) -> Delete:
    oldest = (
        select(JournalEntry.entry_id, JournalEntry.received_at, JournalEntry.payload)
        .order_by(JournalEntry.entry_id)
        .limit(_TIDIED_AT_ONCE)
        .subquery()
    )
    expired = select(oldest.c.entry_id).where(
        oldest.c.received_at < received_before, oldest.c.payload.is_(None)
    )
    return delete(JournalEntry).where(JournalEntry.entry_id.in_(expired.scalar_subquery()))


def _contribution_ids(connection: Connection, rows: Sequence[dict[str, Any]]) -> dict[bytes, str]:
    keys = [row["idempotency_key"] for row in rows]
    found = connection.execute(
        select(JournalEntry.idempotency_key, JournalEntry.contribution_id).where(
            JournalEntry.idempotency_key.in_(keys)
        )
    )
    return dict(found.all())


def _open_claim(connection: Connection) -> UUID | None:
    batch_id = connection.scalar(select(Claim.batch_id).where(Claim.table_name == TABLE_NAME))
    return UUID(batch_id) if batch_id else None
