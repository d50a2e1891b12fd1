"""Forgetting what is past the idempotency window, in transactions that are short."""

from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, or_, select

from app.state.db import Database
from app.state.models import IdempotencyKey, JournalEntry, UploadRequest

_ENTRIES_AT_ONCE: Final = 200
_KEYS_AT_ONCE: Final = 5_000
"""An upload has many."""


def remove_expired(database: Database, received_before: datetime) -> None:
    """Remove entries, keys and answers of uploads that are older; what is pending stays."""
    with database.write() as connection:
        connection.execute(delete(UploadRequest).where(UploadRequest.seen_at < received_before))
    while _remove_entries(database, received_before):
        pass
    while _remove_keys_without_entry(database):
        pass


def _remove_entries(database: Database, received_before: datetime) -> int:
    """Remove entries that are committed, and those of uploads that were never acknowledged."""
    oldest = (
        select(
            JournalEntry.entry_id,
            JournalEntry.received_at,
            JournalEntry.batch_id,
            JournalEntry.payload_bytes,
        )
        .order_by(JournalEntry.entry_id)
        .limit(_ENTRIES_AT_ONCE)
        .subquery()
    )
    expired = select(oldest.c.entry_id).where(
        oldest.c.received_at < received_before,
        or_(oldest.c.batch_id.is_not(None), oldest.c.payload_bytes == 0),
    )
    with database.write() as connection:
        ids = connection.scalars(expired).all()
        connection.execute(delete(JournalEntry).where(JournalEntry.entry_id.in_(ids)))
    return len(ids)


def _remove_keys_without_entry(database: Database) -> int:
    """Remove keys that are older than the oldest entry: they count for nothing any more."""
    oldest = select(func.min(JournalEntry.entry_id)).scalar_subquery()
    orphans = (
        select(IdempotencyKey.key)
        .where(IdempotencyKey.entry_id < oldest)
        .order_by(IdempotencyKey.entry_id)
        .limit(_KEYS_AT_ONCE)
    )
    with database.write() as connection:
        removed = connection.execute(
            delete(IdempotencyKey).where(IdempotencyKey.key.in_(orphans.scalar_subquery()))
        )
    return removed.rowcount
