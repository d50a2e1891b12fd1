"""What makes two submissions the same, and which contribution the journal has of those.

A key counts once its entry is acknowledged. An upload writes its keys when all its lines are
judged, some at a time and while its entry is still open, so that acknowledging it changes one row
however many keys it has. Whoever needs a key that an open upload holds deletes that upload's entry:
the upload finds that out when it is to be acknowledged, and fails.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, delete, exists, insert, select

from app.ingest.entries import IS_ACKNOWLEDGED, IS_OPEN
from app.state.db import insert_missing
from app.state.models import IdempotencyKey, JournalEntry
from catalog.records import Contribution

_KEYS_PER_QUERY: Final = 1_000
"""Databases bound the number of parameters of a statement."""

_encode = msgspec.msgpack.Encoder().encode


class KeyHolder(NamedTuple):
    """The contribution that the journal has for an idempotency key.

    Attributes:
        contribution_id: The id of the contribution.
        entry_id: The journal's entry that holds it.
    """

    contribution_id: str
    entry_id: int


def idempotency_key(contribution: Contribution) -> bytes | None:
    """Return the SHA-256 of what makes two submissions the same.

    That is who sent it, under which id, with which content. These are encoded so that no two
    triples have the same bytes, and an anonymous contributor differs from every named one.

    Returns:
        The key, or None when the client gave no id: then nothing can be told to be a repetition.
    """
    if contribution.ingest_id == contribution.contribution_id:
        return None
    return _key(contribution.submitter_id, contribution.ingest_id, contribution.content_hash)


def idempotency_keys(rows: pa.Table) -> dict[int, bytes]:
    """Return the idempotency keys of contributions, by the positions of those that have one.

    Args:
        rows: Contributions, with the columns of the raw table.
    """
    is_named = pc.not_equal(rows["ingest_id"], rows["contribution_id"])
    positions = np.flatnonzero(is_named.to_numpy())
    named = rows.select(["submitter_id", "ingest_id", "content_hash"]).take(positions)
    identities = (column.to_pylist() for column in named.columns)
    return dict(zip(positions.tolist(), map(_key, *identities), strict=True))


def _key(submitter_id: str | None, ingest_id: str, content_hash: str) -> bytes:
    return hashlib.sha256(_encode((submitter_id, ingest_id, content_hash))).digest()


def find_holders(connection: Connection, keys: Collection[bytes]) -> dict[bytes, KeyHolder]:
    """Return the acknowledged contributions that hold keys, by key; change nothing.

    Args:
        connection: A connection in a transaction.
        keys: Idempotency keys.
    """
    return {
        row.key: KeyHolder(row.contribution_id, row.entry_id)
        for some in _chunks(keys)
        for row in connection.execute(_select_holders(some).where(IS_ACKNOWLEDGED))
    }


def free_keys(
    connection: Connection, keys: Collection[bytes], own_entry_id: int = 0
) -> dict[bytes, KeyHolder]:
    """Free the keys that other open uploads hold, and return the contributions that hold the rest.

    Args:
        connection: A connection in a transaction that writes.
        keys: Idempotency keys.
        own_entry_id: The open entry of the upload that asks, whose keys are not freed; 0 when it
            is no upload.
    """
    holders: dict[bytes, KeyHolder] = {}
    for some in _chunks(keys):
        holders |= _free_some(connection, some, own_entry_id)
    return holders


def _chunks(keys: Collection[bytes]) -> Iterator[list[bytes]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), _KEYS_PER_QUERY):
        yield ordered[start : start + _KEYS_PER_QUERY]


def _free_some(
    connection: Connection, keys: Collection[bytes], own_entry_id: int
) -> dict[bytes, KeyHolder]:
    rows = connection.execute(_select_holders(keys)).all()
    overtaken = {row.entry_id for row in rows if not row.payload_bytes} - {own_entry_id}
    if overtaken:
        # Whichever comes first, this or its acknowledgement, is seen by the other.
        connection.execute(
            delete(JournalEntry).where(JournalEntry.entry_id.in_(overtaken), IS_OPEN)
        )
        entry = exists().where(JournalEntry.entry_id == IdempotencyKey.entry_id)
        connection.execute(delete(IdempotencyKey).where(IdempotencyKey.key.in_(keys), ~entry))
        return _free_some(connection, keys, own_entry_id)
    return {row.key: KeyHolder(row.contribution_id, row.entry_id) for row in rows}


def _select_holders(keys: Collection[bytes]) -> Select[IdempotencyKey, int]:
    """Return the query for keys, with the size of their entries' payloads.

    The size is 0 for an open entry, and null for an entry that is gone.
    """
    return (
        select(IdempotencyKey, JournalEntry.payload_bytes)
        .outerjoin(JournalEntry, JournalEntry.entry_id == IdempotencyKey.entry_id)
        .where(IdempotencyKey.key.in_(keys))
    )


def insert_keys(connection: Connection, holders: Mapping[bytes, KeyHolder]) -> None:
    """Write keys that the journal doesn't have."""
    connection.execute(insert(IdempotencyKey), _to_rows(holders))


def insert_keys_of_upload(connection: Connection, holders: Mapping[bytes, KeyHolder]) -> bool:
    """Write keys of an open upload.

    Args:
        connection: A connection in a transaction that writes.
        holders: The contribution of each key; all are in the upload's entry.

    Returns:
        Whether they are written. False means that the journal has one of them already.
    """
    rows = _to_rows(holders)
    inserting = insert_missing(connection, IdempotencyKey)
    if connection.execute(inserting, rows).rowcount == len(rows):
        return True
    own_entry_id = next(iter(holders.values())).entry_id
    known = free_keys(connection, holders, own_entry_id)
    if any(holder.entry_id != own_entry_id for holder in known.values()):
        return False
    insert_keys(connection, {key: holder for key, holder in holders.items() if key not in known})
    return True


def _to_rows(holders: Mapping[bytes, KeyHolder]) -> list[dict[str, object]]:
    # In one order everywhere: PostgreSQL's writers would deadlock on each other's keys.
    return [
        {
            "key": key,
            "contribution_id": holders[key].contribution_id,
            "entry_id": holders[key].entry_id,
        }
        for key in sorted(holders)
    ]
