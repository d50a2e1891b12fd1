"""The journal: where a contribution is durable before the lake has it.

Its entries are pending until the committer claims them for a batch, and keep their payload until
the ledger names the snapshot that holds them.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import (
    Connection,
    delete,
    func,
    insert,
    select,
    update,
)

from app import ledger
from app.db import Database, insert_missing
from app.ingest.group_commit import GroupCommit
from app.models import Claim, JournalEntry
from catalog.records import Contribution
from catalog.schema import TABLE_NAME
from catalog.snapshots import Snapshot

_CHANGED_AT_ONCE = 200
"""Entries that a transaction changes, so that it never holds the write lock for long."""

Run = tuple[int, int]
"""The first and the last of entry_ids without a gap."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Contribution).decode
_decode_runs = msgspec.msgpack.Decoder(list[Run]).decode


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
            runs = _runs(_pending_ids(connection, max_rows, max_bytes))
            if not runs:
                connection.execute(delete(Claim))
                return None
            connection.execute(update(Claim).values(entry_runs=_encode(runs)))
        return batch_id

    def contributions(self, batch_id: UUID) -> list[Contribution] | None:
        """Return the contributions of an open claim, in the order in which they were journalled.

        None means that another committer has settled it meanwhile, be it in part: what is left
        of the payloads must not be taken for the batch.
        """
        with self._database.read() as connection:
            runs = _claimed_runs(connection, batch_id)
            payloads = [
                payload
                for first, last in runs
                for payload in connection.scalars(
                    select(JournalEntry.payload)
                    .where(JournalEntry.entry_id.between(first, last))
                    .order_by(JournalEntry.entry_id)
                )
                if payload is not None
            ]
        if not payloads or len(payloads) < sum(last - first + 1 for first, last in runs):
            return None
        return [_decode(payload) for payload in payloads]

    def settle(self, batch_id: UUID, snapshot: Snapshot) -> None:
        """Write a committed batch to the ledger, mark its entries, and clear its claim.

        Readers see the batch once the ledger has it. Its entries are marked in short transactions,
        since submissions wait for each; the claim is cleared last, so that whoever takes over after
        a death in between settles it again.
        """
        with self._database.write() as connection:
            ledger.record(connection, [snapshot])
            runs = _claimed_runs(connection, batch_id)
        for first, last in _steps(runs):
            with self._database.write() as connection:
                connection.execute(
                    update(JournalEntry)
                    .where(JournalEntry.entry_id.between(first, last))
                    .values(batch_id=str(batch_id), payload=None)
                )
        with self._database.write() as connection:
            connection.execute(delete(Claim).where(Claim.batch_id == str(batch_id)))

    def tidy(self, idempotency_window: timedelta) -> None:
        """Remove the entries that are past the idempotency window, in short transactions."""
        while self._remove_expired(datetime.now(UTC) - idempotency_window):
            pass
        self._database.checkpoint()

    def _remove_expired(self, received_before: datetime) -> int:
        oldest = (
            select(JournalEntry.entry_id, JournalEntry.received_at, JournalEntry.batch_id)
            .order_by(JournalEntry.entry_id)
            .limit(_CHANGED_AT_ONCE)
            .subquery()
        )
        expired = select(oldest.c.entry_id).where(
            oldest.c.received_at < received_before, oldest.c.batch_id.is_not(None)
        )
        with self._database.write() as connection:
            return connection.execute(
                delete(JournalEntry).where(JournalEntry.entry_id.in_(expired.scalar_subquery()))
            ).rowcount


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


def _pending_ids(connection: Connection, max_rows: int, max_bytes: int) -> list[int]:
    pending = connection.execute(
        select(JournalEntry.entry_id, JournalEntry.payload_bytes)
        .where(JournalEntry.batch_id.is_(None))
        .order_by(JournalEntry.entry_id)
        .limit(max_rows)
    ).all()
    sizes = accumulate(payload_bytes for _, payload_bytes in pending)
    count = max(1, sum(size <= max_bytes for size in sizes))
    return [entry_id for entry_id, _ in pending[:count]]


def _runs(ids: Iterable[int]) -> list[Run]:
    """Return ascending ids as runs without gaps.

    A run holds what was seen and nothing else: on PostgreSQL, ids may appear out of order.
    """
    runs: list[Run] = []
    for entry_id in ids:
        if runs and runs[-1][1] == entry_id - 1:
            runs[-1] = (runs[-1][0], entry_id)
        else:
            runs.append((entry_id, entry_id))
    return runs


def _steps(runs: Iterable[Run]) -> Iterator[Run]:
    for first, last in runs:
        for start in range(first, last + 1, _CHANGED_AT_ONCE):
            yield start, min(start + _CHANGED_AT_ONCE - 1, last)


def _claimed_runs(connection: Connection, batch_id: UUID) -> list[Run]:
    encoded = connection.scalar(select(Claim.entry_runs).where(Claim.batch_id == str(batch_id)))
    return _decode_runs(encoded) if encoded else []


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
