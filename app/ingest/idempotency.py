"""What makes two submissions the same, and where the journal has the first of them.

A key counts once its entry is acknowledged. An upload writes its keys while it is still open, a
group at a time, so that acknowledging it changes one row however many it has. Whoever needs a key
that an open upload holds deletes that upload's entry: the upload finds that out when it is to be
acknowledged, and fails.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, exists, insert, select

from app.state.db import insert_missing
from app.state.models import IdempotencyKey, JournalEntry
from catalog.records import Contribution

_ASKED_AT_ONCE: Final = 1_000
"""Keys in one question: databases bound the parameters of a statement."""

_encode = msgspec.msgpack.Encoder().encode


class Place(NamedTuple):
    """Where the journal has a contribution: under which id, and in which entry."""

    contribution_id: str
    entry_id: int


def idempotency_key(contribution: Contribution) -> bytes | None:
    """Return what makes two submissions the same: who sent it, under which id, with which content.

    The parts are encoded so that no two triples have the same bytes, and an anonymous contributor
    differs from every named one. None: without an id of the client's, it can't be repeated.
    """
    if contribution.ingest_id == contribution.contribution_id:
        return None
    identity = (contribution.submitter_id, contribution.ingest_id, contribution.content_hash)
    return hashlib.sha256(_encode(identity)).digest()


def known_places(
    connection: Connection, keys: Collection[bytes], own_entry_id: int = 0
) -> dict[bytes, Place]:
    """Return where those of the contributions are that the journal has, and free the other keys.

    Args:
        connection: In a transaction that writes.
        keys: Theirs.
        own_entry_id: The open entry of the upload that asks: what it has counts too.
    """
    found: dict[bytes, Place] = {}
    wanted = sorted(keys)
    for start in range(0, len(wanted), _ASKED_AT_ONCE):
        found |= _known_places(connection, wanted[start : start + _ASKED_AT_ONCE], own_entry_id)
    return found


def _known_places(
    connection: Connection, keys: Collection[bytes], own_entry_id: int
) -> dict[bytes, Place]:
    holders = (
        select(IdempotencyKey, JournalEntry.payload_bytes)
        .outerjoin(JournalEntry, JournalEntry.entry_id == IdempotencyKey.entry_id)
        .where(IdempotencyKey.key.in_(keys))
    )
    rows = connection.execute(holders).all()
    overtaken = {row.entry_id for row in rows if not row.payload_bytes} - {own_entry_id}
    if overtaken:
        # Whichever comes first, this or its acknowledgement, is seen by the other.
        connection.execute(
            delete(JournalEntry).where(
                JournalEntry.entry_id.in_(overtaken), JournalEntry.payload_bytes == 0
            )
        )
        entry = exists().where(JournalEntry.entry_id == IdempotencyKey.entry_id)
        connection.execute(delete(IdempotencyKey).where(IdempotencyKey.key.in_(keys), ~entry))
        return _known_places(connection, keys, own_entry_id)
    return {row.key: Place(row.contribution_id, row.entry_id) for row in rows}


def insert_keys(connection: Connection, places: Mapping[bytes, Place]) -> None:
    """Write keys that the journal doesn't have."""
    connection.execute(insert(IdempotencyKey), _rows(places))


def insert_missing_keys(
    connection: Connection, places: Mapping[bytes, Place]
) -> dict[bytes, Place]:
    """Write the keys of an open upload, and return those that the journal has, with their places.

    Args:
        connection: In a transaction that writes.
        places: The keys, all of them with the upload's entry.
    """
    if not places:
        return {}
    inserting = insert_missing(connection, IdempotencyKey).returning(IdempotencyKey.key)
    inserted = set(connection.scalars(inserting, _rows(places)))
    rest = {key: place for key, place in places.items() if key not in inserted}
    if not rest:
        return {}
    own_entry_id = next(iter(rest.values())).entry_id
    known = known_places(connection, rest, own_entry_id)
    freed = {key: place for key, place in rest.items() if key not in known}
    if freed:
        insert_keys(connection, freed)
    return known


def _rows(places: Mapping[bytes, Place]) -> list[dict[str, object]]:
    # In one order everywhere: PostgreSQL's writers would deadlock on each other's keys.
    return [
        {
            "key": key,
            "contribution_id": places[key].contribution_id,
            "entry_id": places[key].entry_id,
        }
        for key in sorted(places)
    ]
