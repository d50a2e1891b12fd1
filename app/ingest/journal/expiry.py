"""Expiry: removing what is past the idempotency window, in steps too short to delay writers."""

import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Final

from sqlalchemy import Connection, delete, false, func, or_, select, true

from app.access.contributors.networks import remove_secrets
from app.ingest.journal.idempotency import KEYS_STAY_S
from app.state.db import Database
from app.state.models import IdempotencyKey, JournalEntry, LedgerEntry, UploadRequest
from app.versions.prepared import PreparedVersions

INTERVAL_S: Final = 1.0
"""Time between two removals."""
ROWS_PER_STEP: Final = 200
"""Rows that a transaction removes. Each key is on another page of the database, and submissions
wait for all of these pages to be written."""

log = logging.getLogger(__name__)


class Expiry:
    """Removes journal entries, idempotency keys and answers to uploads past the window.

    Versions that uploads prepared are removed once the uploads are committed.
    """

    def __init__(
        self, database: Database, window: timedelta, prepared: PreparedVersions | None = None
    ) -> None:
        """Prepare to remove.

        Args:
            database: The database of the journal.
            window: The idempotency window.
            prepared: The versions that uploads prepared; None to leave them.
        """
        self._database = database
        self._window = window
        self._prepared = prepared

    def run(self, stop: Event) -> None:
        """Remove what is past the window, again and again, until told to stop."""
        while not stop.wait(INTERVAL_S):
            try:
                self.remove(stop)
            except Exception:
                # What is left does no harm until the next attempt.
                log.exception("expiry failed; it is tried again")

    def remove(self, stop: Event) -> None:
        """Remove what is past the window now, in short steps, until told to stop.

        Entries that wait for their commit stay, however old.
        """
        received_before = datetime.now(UTC) - self._window
        committed_before = datetime.now(UTC) - timedelta(seconds=KEYS_STAY_S)
        steps: tuple[Callable[[Connection], int], ...] = (
            lambda connection: remove_owned_keys(connection, committed_before),
            lambda connection: _remove_answers(connection, received_before),
            lambda connection: _remove_entries(connection, received_before),
            remove_keys_without_entry,
            lambda connection: remove_secrets(connection, datetime.now(UTC)),
        )
        for step in steps:
            removed = ROWS_PER_STEP
            while removed and not stop.is_set():
                with self._database.write() as connection:
                    removed = step(connection)
        if self._prepared:
            self._prepared.remove_unneeded(self._uncommitted)

    def _uncommitted(self, entry_ids: Collection[int]) -> set[int]:
        """Return those of some entries that are open or pending."""
        among = JournalEntry.entry_id.in_(entry_ids)
        with self._database.read() as connection:
            left = select(JournalEntry.entry_id).where(among, JournalEntry.batch_id.is_(None))
            return set(connection.scalars(left))


def _remove_answers(connection: Connection, seen_before: datetime) -> int:
    """Remove some Idempotency-Keys of uploads with their answers; return how many."""
    oldest = (
        select(UploadRequest.request_key)
        .where(UploadRequest.seen_at < seen_before)
        .order_by(UploadRequest.seen_at)
        .limit(ROWS_PER_STEP)
    )
    removing = delete(UploadRequest).where(UploadRequest.request_key.in_(oldest.scalar_subquery()))
    return connection.execute(removing).rowcount


def _remove_entries(connection: Connection, received_before: datetime) -> int:
    """Remove some entries that are committed, or open since long ago; return how many."""
    oldest = (
        select(
            JournalEntry.entry_id,
            JournalEntry.received_at,
            JournalEntry.batch_id,
            JournalEntry.payload_bytes,
        )
        .order_by(JournalEntry.entry_id)
        .limit(ROWS_PER_STEP)
        .subquery()
    )
    expired = select(oldest.c.entry_id).where(
        oldest.c.received_at < received_before,
        or_(oldest.c.batch_id.is_not(None), oldest.c.payload_bytes == 0),
    )
    ids = connection.scalars(expired).all()
    return connection.execute(delete(JournalEntry).where(JournalEntry.entry_id.in_(ids))).rowcount


def remove_owned_keys(connection: Connection, committed_before: datetime) -> int:
    """Remove some keys in whose place the index of versions answers, and return how many.

    They go in the order of their entries. An entry that isn't committed keeps those after it.
    """
    oldest = (
        select(IdempotencyKey.key, IdempotencyKey.entry_id)
        .where(IdempotencyKey.is_guessed == false())
        .order_by(IdempotencyKey.entry_id)
        .limit(ROWS_PER_STEP)
        .subquery()
    )
    indexed = (
        select(oldest.c.key)
        .outerjoin(JournalEntry, JournalEntry.entry_id == oldest.c.entry_id)
        .outerjoin(LedgerEntry, LedgerEntry.batch_id == JournalEntry.batch_id)
        .where(
            or_(
                LedgerEntry.committed_at < committed_before,
                # The entry of an overtaken upload; its keys count for nothing.
                JournalEntry.entry_id.is_(None),
            )
        )
    )
    keys = connection.scalars(indexed).all()
    removing = delete(IdempotencyKey).where(IdempotencyKey.key.in_(keys))
    return connection.execute(removing).rowcount if keys else 0


def remove_keys_without_entry(connection: Connection) -> int:
    """Remove some keys of guessed ids whose entries are gone, and return how many.

    Their entries are older than the oldest one. Such keys no longer count for anything. Those of
    owned ids are the first that `remove_owned_keys` removes.
    """
    oldest = select(func.min(JournalEntry.entry_id)).scalar_subquery()
    orphans = (
        select(IdempotencyKey.key)
        .where(IdempotencyKey.is_guessed == true(), IdempotencyKey.entry_id < oldest)
        .order_by(IdempotencyKey.entry_id)
        .limit(ROWS_PER_STEP)
    )
    removing = delete(IdempotencyKey).where(IdempotencyKey.key.in_(orphans.scalar_subquery()))
    return connection.execute(removing).rowcount
