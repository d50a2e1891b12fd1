"""The journal: where a contribution is durable before the lake has it.

This module serves submissions; `app.ingest.commits.claims` serves the committer. Contributions that
become durable in one transaction are one entry. An entry keeps its payload until the ledger names
the snapshot that holds its contributions.
"""

import secrets
from asyncio import AbstractEventLoop
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from app.access.contributors.networks import Networks
from app.ingest.journal.entries import (
    IS_PENDING,
    encode_contribution,
    encode_contributions,
    make_awaited,
)
from app.ingest.journal.group_commit import GroupCommit
from app.ingest.journal.idempotency import (
    FindVersions,
    KeyHolder,
    find_no_versions,
    free_keys,
    holder_of,
    idempotency_key,
    insert_keys,
)
from app.ingest.journal.room import Room
from app.ingest.refusals import Refused, refuse_nothing
from app.state import ledger
from app.state.db import Database
from app.state.models import IdempotencyKey, JournalEntry
from app.state.parts import in_parts
from app.state.persistent import PersistentWriter
from app.state.prepared import Prepared
from app.telemetry import metrics, traces
from app.versions.index import StoredVersion
from app.versions.keys import VersionKey, version_key
from catalog.errors import LakeError
from catalog.records import Contribution
from catalog.snapshots import Snapshot

_INSERT_ENTRY: Final = Prepared(
    insert(JournalEntry).returning(JournalEntry.entry_id),
    ("received_at", "contributions", "payload", "payload_bytes", "is_awaited"),
)
_SELECT_BACKLOG: Final = Prepared(
    select(
        func.count(),
        func.coalesce(func.sum(JournalEntry.contributions), 0),
        func.coalesce(func.sum(JournalEntry.payload_bytes), 0),
        func.count().filter(JournalEntry.is_awaited),
    ).where(IS_PENDING)
)


class Acknowledged(Protocol):
    """The receipt of what is durable in an entry of the journal."""

    @property
    def entry_id(self) -> int:
        """The id of the entry; 0 without one."""

    @property
    def sequence_number(self) -> int | None:
        """The commit of what was committed long ago, and is in no entry; else None."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The contributions that are acknowledged and in no settled batch, as numbers and sizes.

    Attributes:
        entries: Number of journal entries.
        contributions: Number of contributions in them.
        payload_bytes: Size of their payloads.
        awaited_entries: Number of entries whose clients wait until they can be read.
    """

    entries: int
    contributions: int
    payload_bytes: int
    awaited_entries: int


@dataclass(slots=True)
class _Item:
    """A contribution that is about to become durable.

    Attributes:
        contribution: The contribution.
        key: The idempotency key; None without one.
        version: The key in the index of versions; None when the ids own nothing.
        encoded: The contribution, encoded.
        is_awaited: Whether its client waits for the commit.
        stored: What the index of versions has with the same key, once it was asked; else None.
    """

    contribution: Contribution
    key: bytes | None
    version: VersionKey | None
    encoded: bytes
    is_awaited: bool
    stored: StoredVersion | None = None

    @property
    def contribution_id(self) -> str:
        """The id of the contribution."""
        return self.contribution.contribution_id


class Journal:
    """The durable queue between HTTP and the lake, as submissions use it.

    Attributes:
        appends: The group commit that concurrent appends share.
    """

    def __init__(
        self,
        database: Database,
        max_bytes: int,
        refused: Callable[[], Refused] = refuse_nothing,
        networks: Networks | None = None,
        find_versions: FindVersions = find_no_versions,
    ) -> None:
        """Open the journal.

        Args:
            database: The database that holds it.
            max_bytes: Bytes of payload that may wait to be committed.
            refused: Returns what is refused now; asked for each group of submissions.
            networks: What was noted of contributions that are appended; None to note nothing.
            find_versions: Asks the index of versions; called for each group of submissions.
        """
        self._find_versions = find_versions
        self._networks = networks or Networks(database)
        self._database = database
        self._refused = refused
        self._writer = PersistentWriter(database)
        self._room = Room(self._waiting_bytes, max_bytes)
        self.appends = GroupCommit(self._append_group, self._locked, self._ask_index)

    def append(
        self,
        contribution: Contribution,
        guessed_id: str | None = None,
        *,
        is_awaited: bool = False,
    ) -> KeyHolder:
        """Make a contribution durable, and return once it is.

        One that the lake or the journal has already, with the same ids of its client and the same
        content, is not written again. Where the ids own nothing, that holds for the idempotency
        window.

        Args:
            contribution: The contribution.
            guessed_id: What repetitions share whose ids own nothing; None for all others.
            is_awaited: Whether its client waits until it can be read, so that it is committed soon.

        Returns:
            What the journal has: an earlier contribution when this one is a repetition.

        Raises:
            TakenDownBefore: Its content or an earlier version of it was taken down.
            ContributorBanned: Its contributor is banned.
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: It could not be written; trying again is safe.
        """
        return self.appends.submit(_to_item(contribution, guessed_id, is_awaited=is_awaited))

    async def append_async(
        self,
        contribution: Contribution,
        guessed_id: str | None = None,
        *,
        is_awaited: bool = False,
    ) -> KeyHolder:
        """Do what `append` does, without holding up the event loop."""
        item = _to_item(contribution, guessed_id, is_awaited=is_awaited)
        return await self.appends.submit_async(item)

    def append_soon(
        self,
        contribution: Contribution,
        guessed_id: str | None,
        settle: Callable[[KeyHolder | BaseException], None],
        loop: AbstractEventLoop,
    ) -> None:
        """Return before a contribution is durable.

        Args:
            contribution: The contribution.
            guessed_id: What repetitions share whose ids own nothing; None for all others.
            settle: Called with what `append` returns, or with the error that it would raise.
            loop: The event loop that calls it.
        """
        self.appends.add(_to_item(contribution, guessed_id, is_awaited=False), settle, loop)

    def check_room(self) -> None:
        """Return if the journal has room.

        Raises:
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: The journal can't be measured.
        """
        self._room.check()

    def _waiting_bytes(self) -> int:
        return self.backlog().payload_bytes

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Before the lock is taken: reading a long list for the first time takes a while.
        self._refused()
        with self._database.write_lock():
            yield

    def _ask_index(self, items: Sequence[_Item]) -> None:
        """Set what the index of versions has of items, before they are written."""
        keys = {item.version for item in items if item.version is not None}
        if keys:
            stored = self._find_versions(keys)
            for item in items:
                if item.version is not None:
                    item.stored = stored.get(item.version)

    def _append_group(self, items: Sequence[_Item]) -> list[KeyHolder | LakeError]:
        """Write contributions in one transaction and count them.

        Returns:
            For each contribution the one that the journal has, which is an earlier one when it is
            repeated, or the error for which it is refused.
        """
        self.check_room()
        refused = self._refused()
        reasons = [refused.reason(item.contribution) for item in items]
        accepted = [item for item, reason in zip(items, reasons, strict=True) if reason is None]
        with traces.span("journal transaction", contributions=len(accepted)):
            holders = self._write_group(accepted) if accepted else []
        fresh = sum(
            holder.contribution_id == item.contribution_id
            for holder, item in zip(holders, accepted, strict=True)
        )
        metrics.journalled(fresh, len(accepted) - fresh)
        written = iter(holders)
        return [reason or next(written) for reason in reasons]

    def _write_group(self, items: Sequence[_Item]) -> list[KeyHolder]:
        try:
            return self._write_once(items)
        except IntegrityError:
            # On PostgreSQL another writer had one of them too, at the same time: it is there now.
            return self._write_once(items)

    def _write_once(self, items: Sequence[_Item]) -> list[KeyHolder]:
        with self._writer.write() as connection:
            noted = self._networks.write(connection)
            holders = _write(connection, items)
        self._networks.settle(noted)
        return holders

    def close(self) -> None:
        """End appending, and give back the connection that it keeps open."""
        self.appends.close()
        self._writer.close()

    def check(self) -> None:
        """Check that an append would succeed now, by a synced write that leaves nothing behind.

        Raises:
            SQLAlchemyError: An append would fail.
        """
        probe = {"key": secrets.token_bytes(32), "contribution_id": "", "entry_id": 0}
        with self._database.write() as connection:
            connection.execute(insert(IdempotencyKey), [probe])
            connection.execute(delete(IdempotencyKey).where(IdempotencyKey.key == probe["key"]))

    def snapshots_of(self, entry_ids: Collection[int]) -> dict[int, Snapshot]:
        """Return the snapshots that hold entries, by entry; those not committed yet are left out.

        Args:
            entry_ids: Ids of entries, such as those that clients wait for.
        """
        snapshots: dict[int, Snapshot] = {}
        with self._database.read() as connection:
            for some in in_parts(entry_ids):
                snapshots |= ledger.by_journal_entries(connection, some)
        return snapshots

    def snapshot_of(self, receipt: Acknowledged) -> Snapshot | None:
        """Return the first snapshot that holds what is acknowledged; None before the commit."""
        if receipt.sequence_number is not None:
            with self._database.read() as connection:
                return ledger.first_from(connection, receipt.sequence_number)
        return self.snapshots_of([receipt.entry_id]).get(receipt.entry_id)

    def backlog(self) -> Backlog:
        """Return how much is acknowledged and in no settled batch."""
        with self._database.read() as connection:
            return Backlog(*_SELECT_BACKLOG.fetch(connection)[0])


def _to_item(contribution: Contribution, guessed_id: str | None, *, is_awaited: bool) -> _Item:
    return _Item(
        contribution,
        idempotency_key(contribution, guessed_id),
        version_key(contribution),
        encode_contribution(contribution),
        is_awaited,
    )


def _write(connection: Connection, items: Sequence[_Item]) -> list[KeyHolder]:
    """Write as one entry those of the contributions that the journal doesn't have yet."""
    # Of several with one key the first counts; a dict keeps the last.
    keyed = {item.key: item for item in reversed(items) if item.key is not None}
    holders = {
        key: holder_of(item.stored) for key, item in keyed.items() if item.stored is not None
    }
    # An entry tells more: the ledger may not have the commit yet.
    holders |= free_keys(connection, keyed) if keyed else {}
    awaited = {item.key for item in items if item.is_awaited}
    # In one order everywhere: PostgreSQL's writers would deadlock on each other's entries.
    entries = {held.entry_id for key, held in holders.items() if key in awaited}
    for entry_id in sorted(entries - {0}):
        make_awaited(connection, entry_id)
    fresh = [
        item
        for item in items
        if item.key is None or (item.key not in holders and keyed[item.key] is item)
    ]
    entry_id = _insert_entry(connection, fresh, is_awaited=bool(awaited)) if fresh else 0
    new = {item.key: KeyHolder(item.contribution_id, entry_id) for item in fresh if item.key}
    if new:
        owned = {item.key for item in fresh if item.key and item.version}
        insert_keys(connection, new, owned)
        holders |= new
    return [
        holders[item.key] if item.key else KeyHolder(item.contribution_id, entry_id)
        for item in items
    ]


def _insert_entry(connection: Connection, items: Sequence[_Item], *, is_awaited: bool) -> int:
    payload = encode_contributions(item.encoded for item in items)
    entry = {
        "received_at": items[0].contribution.received_at,
        "contributions": len(items),
        "payload": payload,
        "payload_bytes": len(payload),
        "is_awaited": is_awaited,
    }
    return int(_INSERT_ENTRY.fetch(connection, entry)[0][0])
