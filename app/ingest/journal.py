"""The journal: where a contribution is durable before the lake has it.

This is what those who submit use; `app.ingest.claims` is what the committer uses. Contributions
that become durable in one transaction are one entry. An entry keeps its payload until the ledger
names the snapshot that holds its contributions.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from app.ingest.entries import IS_PENDING, encode_contribution, encode_contributions
from app.ingest.group_commit import GroupCommit
from app.ingest.idempotency import KeyHolder, free_keys, idempotency_key, insert_keys
from app.ingest.room import Room
from app.state import ledger
from app.state.db import Database, PersistentWriter
from app.state.models import Base, IdempotencyKey, JournalEntry
from app.telemetry import metrics
from catalog.records import Contribution
from catalog.snapshots import Snapshot

_INSERT_ENTRY: Final = Base.metadata.tables[JournalEntry.__tablename__].insert()
"""Made once, and from the table: an ORM class takes longer."""


class Acknowledged(Protocol):
    """The receipt of what is durable in an entry of the journal."""

    @property
    def entry_id(self) -> int:
        """The id of the entry."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that a contribution is durable.

    Attributes:
        ingest_id: The conversation's id, as its client knows it.
        contribution_id: The row's id: the earlier one's when the submission was a repetition.
        entry_id: The journal's entry that holds the contribution.
    """

    ingest_id: str
    contribution_id: str
    entry_id: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much is acknowledged and in no settled batch.

    Attributes:
        entries: Number of journal entries.
        contributions: Number of contributions in them.
        payload_bytes: Size of their payloads.
    """

    entries: int
    contributions: int
    payload_bytes: int


class _Item(NamedTuple):
    """A contribution that is about to become durable."""

    contribution_id: str
    received_at: datetime
    key: bytes | None
    encoded: bytes


class Journal:
    """The durable queue between HTTP and the lake, as those who submit use it.

    Attributes:
        appends: The group commit that concurrent appends share.
    """

    def __init__(self, database: Database, max_bytes: int) -> None:
        """Open the journal.

        Args:
            database: The database that holds it.
            max_bytes: Bytes of payload that may wait to be committed.
        """
        self._database = database
        self._writer = PersistentWriter(database)
        self._room = Room(self._waiting_bytes, max_bytes)
        self.appends = GroupCommit(self._append_group)

    def append(self, contribution: Contribution, *, is_awaited: bool = False) -> Receipt:
        """Make a contribution durable, and return once it is.

        One that the journal has seen within the idempotency window, with the same submitter_id,
        ingest_id and content, is not written again.

        Args:
            contribution: The contribution.
            is_awaited: Whether its client waits for the commit.

        Raises:
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: It could not be written; trying again is safe.
        """
        holder = self.appends.submit(_to_item(contribution))
        return Receipt(contribution.ingest_id, *holder)

    async def append_async(
        self, contribution: Contribution, *, is_awaited: bool = False
    ) -> Receipt:
        """Do what `append` does, without holding up the event loop."""
        holder = await self.appends.submit_async(_to_item(contribution))
        return Receipt(contribution.ingest_id, *holder)

    def check_room(self) -> None:
        """Return if the journal has room.

        Raises:
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: The journal can't be measured.
        """
        self._room.check()

    def _waiting_bytes(self) -> int:
        return self.backlog().payload_bytes

    def _append_group(self, items: Sequence[_Item]) -> list[KeyHolder]:
        """Write contributions in one transaction and count them.

        Returns:
            For each contribution the one that the journal has, which is an earlier one when it is
            repeated.
        """
        self.check_room()
        holders = self._write_group(items)
        accepted = sum(
            holder.contribution_id == item.contribution_id
            for holder, item in zip(holders, items, strict=True)
        )
        metrics.journalled(accepted, len(items) - accepted)
        return holders

    def _write_group(self, items: Sequence[_Item]) -> list[KeyHolder]:
        try:
            with self._writer.write() as connection:
                return _write(connection, items)
        except IntegrityError:
            # On PostgreSQL another writer had one of them too, at the same time: it is there now.
            with self._writer.write() as connection:
                return _write(connection, items)

    def close(self) -> None:
        """End appending, and give back the connection that it keeps open."""
        self.appends.close()
        self._writer.close()

    def check(self) -> None:
        """Prove by a synced write, which leaves nothing behind, that an append would succeed now.

        Raises:
            SQLAlchemyError: An append would fail.
        """
        probe = {"key": secrets.token_bytes(32), "contribution_id": "", "entry_id": 0}
        with self._database.write() as connection:
            connection.execute(insert(IdempotencyKey), [probe])
            connection.execute(delete(IdempotencyKey).where(IdempotencyKey.key == probe["key"]))

    def snapshot_of(self, receipt: Acknowledged) -> Snapshot | None:
        """Return the snapshot that holds an entry, or None before the entry is committed."""
        with self._database.read() as connection:
            batch_id = connection.scalar(
                select(JournalEntry.batch_id).where(JournalEntry.entry_id == receipt.entry_id)
            )
            return ledger.by_batch(connection, batch_id) if batch_id else None

    def snapshots_of(self, entry_ids: Collection[int]) -> dict[int, Snapshot]:
        """Return the snapshots that hold entries, by entry, for those that are committed."""
        found = {}
        for entry_id in entry_ids:
            snapshot = self.snapshot_of(Receipt("", "", entry_id))
            if snapshot:
                found[entry_id] = snapshot
        return found

    def backlog(self) -> Backlog:
        """Return how much is acknowledged and in no settled batch."""
        with self._database.read() as connection:
            row = connection.execute(
                select(
                    func.count(JournalEntry.entry_id),
                    func.coalesce(func.sum(JournalEntry.contributions), 0),
                    func.coalesce(func.sum(JournalEntry.payload_bytes), 0),
                ).where(IS_PENDING)
            ).one()
        return Backlog(*row)


def _to_item(contribution: Contribution) -> _Item:
    return _Item(
        contribution.contribution_id,
        contribution.received_at,
        idempotency_key(contribution),
        encode_contribution(contribution),
    )


def _write(connection: Connection, items: Sequence[_Item]) -> list[KeyHolder]:
    """Write as one entry those of the contributions that the journal doesn't have yet."""
    # Of several with one key the first counts; a dict keeps the last.
    keyed = {item.key: item for item in reversed(items) if item.key is not None}
    holders = free_keys(connection, keyed) if keyed else {}
    fresh = [
        item
        for item in items
        if item.key is None or (item.key not in holders and keyed[item.key] is item)
    ]
    entry_id = _insert_entry(connection, fresh) if fresh else 0
    new = {item.key: KeyHolder(item.contribution_id, entry_id) for item in fresh if item.key}
    if new:
        insert_keys(connection, new)
        holders |= new
    return [
        holders[item.key] if item.key else KeyHolder(item.contribution_id, entry_id)
        for item in items
    ]


def _insert_entry(connection: Connection, items: Sequence[_Item]) -> int:
    payload = encode_contributions(item.encoded for item in items)
    entry = {
        "received_at": items[0].received_at,
        "contributions": len(items),
        "payload": payload,
        "payload_bytes": len(payload),
    }
    (entry_id,) = connection.execute(_INSERT_ENTRY, entry).inserted_primary_key or (0,)
    return int(entry_id)
