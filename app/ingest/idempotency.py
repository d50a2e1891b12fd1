"""What makes two submissions the same, and where the journal has the first of them.

A key counts once its entry is acknowledged. An upload writes its keys when all its lines are
judged, some at a time and while it is still open, so that acknowledging it changes one row however
many it has. Whoever needs a key that an open upload holds deletes that upload's entry: the upload
finds that out when it is to be acknowledged, and fails.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, delete, exists, insert, select

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


def acknowledged_places(connection: Connection, keys: Collection[bytes]) -> dict[bytes, Place]:
    """Return where those of the contributions are that the journal has; change nothing.

    Args:
        connection: In a transaction.
        keys: The idempotency keys of the contributions.
    """
    return {
        row.key: Place(row.contribution_id, row.entry_id)
        for asked in _pieces(keys)
        for row in connection.execute(_holders(asked).where(JournalEntry.payload_bytes > 0))
    }


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
    for asked in _pieces(keys):
        found |= _known_places(connection, asked, own_entry_id)
    return found


def _pieces(keys: Collection[bytes]) -> Iterator[list[bytes]]:
    wanted = sorted(keys)
    for start in range(0, len(wanted), _ASKED_AT_ONCE):
        yield wanted[start : start + _ASKED_AT_ONCE]


def _known_places(
    connection: Connection, keys: Collection[bytes], own_entry_id: int
) -> dict[bytes, Place]:
    rows = connection.execute(_holders(keys)).all()
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


def _holders(keys: Collection[bytes]) -> Select[IdempotencyKey, int]:
    """Return the query for keys with the size of their entries' payloads, which open ones lack."""
    return (
        select(IdempotencyKey, JournalEntry.payload_bytes)
        .outerjoin(JournalEntry, JournalEntry.entry_id == IdempotencyKey.entry_id)
        .where(IdempotencyKey.key.in_(keys))
    )


def insert_keys(connection: Connection, places: Mapping[bytes, Place]) -> None:
    """Write keys that the journal doesn't have."""
    connection.execute(insert(IdempotencyKey), _rows(places))


def insert_keys_of_upload(connection: Connection, places: Mapping[bytes, Place]) -> bool:
    """Write keys of an open upload; return False when the journal has one of them already.

    Args:
        connection: In a transaction that writes.
        places: The keys, all of them with the upload's entry.
    """
    rows = _rows(places)
    inserting = insert_missing(connection, IdempotencyKey)
    if connection.execute(inserting, rows).rowcount == len(rows):
        return True
    own_entry_id = next(iter(places.values())).entry_id
    known = known_places(connection, places, own_entry_id)
    if any(place.entry_id != own_entry_id for place in known.values()):
        return False
    insert_keys(connection, {key: place for key, place in places.items() if key not in known})
    return True


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
