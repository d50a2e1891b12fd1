"""Idempotency keys, by which the journal recognises a submission that is recent.

Earlier ones are recognised by the index of versions, which has every committed submission of a
client's own ids. Keys of such ids are deleted once the index has had their rows for
`KEYS_STAY_S`. Whoever asks the index first, and then the keys within that time, misses none.

A key counts once its entry is acknowledged. An upload writes its keys after all its lines are
judged, in several transactions, while its entry is still open. So acknowledging the upload changes
only one row. A request that needs a key of an open upload deletes the upload's entry; the upload
then can't be acknowledged, and fails.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from functools import cache
from itertools import compress
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, exists

from app.ingest.journal.entries import IS_OPEN
from app.state import driver
from app.state.db import insert_missing
from app.state.models import IdempotencyKey, JournalEntry
from app.state.parts import in_parts
from app.versions.index import StoredVersion
from app.versions.keys import CONTENT_HASH, CONVERSATION_ID, VersionKey, version_keys
from catalog.records import Contribution
from catalog.schema import ID

_KEYS_PER_QUERY: Final = 1_024
"""Databases bound the number of parameters of a statement."""

KEYS_STAY_S: Final = 600
"""Time for which a key stays after its commit, in seconds: longer than any transaction."""

GUESSED_ID: Final = "guessed_id"
"""The column with what repetitions share whose ids own nothing; it isn't stored."""

_COLUMNS: Final = ("key", "contribution_id", "entry_id", "is_guessed")
_INSERT: Final = {"sqlite": "INSERT OR FAIL", "postgresql": "INSERT"}
"""How an INSERT begins, for each database. By default SQLite copies each page before it changes it,
to undo the statement alone when a row of it fails. Here the transaction is undone."""
_MAX_KEYS_INSERTED: Final = 256
"""Keys that a statement inserts at most."""


class _HeldKey(NamedTuple):
    """A row of a key, with the size of its entry's payload.

    The size is 0 for an open entry, and None for an entry that is gone.
    """

    key: bytes
    contribution_id: str
    entry_id: int
    payload_bytes: int | None


class KeyHolder(NamedTuple):
    """The contribution that the journal has for an idempotency key.

    Attributes:
        contribution_id: The id of the contribution.
        entry_id: The journal's entry that holds it; 0 when the index of versions has it alone.
        sequence_number: The commit that added it, when the index of versions has it alone.
    """

    contribution_id: str
    entry_id: int
    sequence_number: int | None = None


FindVersions = Callable[[Collection[VersionKey]], Mapping[VersionKey, StoredVersion]]
"""Returns the latest committed version with each of some keys."""


def find_no_versions(_keys: Collection[VersionKey]) -> Mapping[VersionKey, StoredVersion]:
    """Return nothing, as an empty index does."""
    return {}


def holder_of(version: StoredVersion) -> KeyHolder:
    """Return the holder of a key that the index of versions has alone."""
    return KeyHolder(version.contribution_id, 0, version.sequence_number)


def idempotency_key(contribution: Contribution, guessed_id: str | None = None) -> bytes | None:
    """Return the idempotency key of a contribution, which repeated submissions share.

    The key is the SHA-256 of the conversation, as the lake knows it, and the content.

    Args:
        contribution: The contribution.
        guessed_id: The keyed hash of ids that own nothing, and so don't name the conversation.

    Returns:
        The key; None when the client gave no id, so that a repetition can't be recognised.
    """
    shared = guessed_id or contribution.conversation_id
    if shared == contribution.contribution_id:
        return None
    return _key(shared, contribution.content_hash)


def idempotency_keys(rows: pa.Table) -> dict[int, bytes]:
    """Return the idempotency keys of contributions, by the positions of those that have one.

    Args:
        rows: Contributions, with the columns of the raw table, and with `GUESSED_ID`.
    """
    shared = pc.coalesce(rows[GUESSED_ID], rows["conversation_id"])
    positions = np.flatnonzero(pc.not_equal(shared, rows["contribution_id"]).to_numpy())
    named = (column.take(positions).to_pylist() for column in (shared, rows["content_hash"]))
    return dict(zip(positions.tolist(), map(_key, *named), strict=True))


def owned_versions(rows: pa.Table, keys: Mapping[int, bytes]) -> dict[bytes, VersionKey]:
    """Return the keys in the index of versions of rows whose ids own something.

    Args:
        rows: Contributions, with the columns of the raw table.
        keys: Idempotency keys of rows, by their positions.

    Returns:
        The keys in the index, by the idempotency keys.
    """
    positions = pa.array(list(keys), pa.int64())
    keyed = rows.select([ID, CONVERSATION_ID, CONTENT_HASH]).take(positions)
    is_owned = pc.not_equal(keyed[CONVERSATION_ID], keyed[ID])
    owned = compress(keys.values(), is_owned.to_pylist())
    return dict(zip(owned, version_keys(keyed.filter(is_owned)), strict=True))


def _key(shared: str, content_hash: str) -> bytes:
    # All content hashes have one length, so no two pairs are one text.
    return hashlib.sha256((shared + content_hash).encode()).digest()


def find_holders(connection: Connection, keys: Collection[bytes]) -> dict[bytes, KeyHolder]:
    """Return the acknowledged contributions that hold keys, by key; change nothing.

    Args:
        connection: A connection in a transaction.
        keys: Idempotency keys.
    """
    return {
        row.key: KeyHolder(row.contribution_id, row.entry_id)
        for some in in_parts(sorted(keys), _KEYS_PER_QUERY)
        for row in _find(connection, some)
        if row.payload_bytes
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
    for some in in_parts(sorted(keys), _KEYS_PER_QUERY):
        holders |= _free_some(connection, some, own_entry_id)
    return holders


def _free_some(
    connection: Connection, keys: list[bytes], own_entry_id: int
) -> dict[bytes, KeyHolder]:
    rows = _find(connection, keys)
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


def _find(connection: Connection, keys: list[bytes]) -> list[_HeldKey]:
    # A statement for each power of two, so that few are made; the last key fills what is left.
    places = 1 << (len(keys) - 1).bit_length()
    padded = keys + keys[-1:] * (places - len(keys))
    found = driver.fetch(connection, _selection(connection.dialect.name, places), padded)
    return [_HeldKey(*row) for row in found]


@cache
def _selection(dialect: str, places: int) -> str:
    """Return the query for the rows of as many keys as there are places."""
    marks = ", ".join([driver.MARKS[dialect]] * places)
    return (
        "SELECT held.key, held.contribution_id, held.entry_id, journal.payload_bytes"  # noqa: S608  # ours
        " FROM idempotency_keys AS held LEFT JOIN journal ON journal.entry_id = held.entry_id"
        f" WHERE held.key IN ({marks})"
    )


def insert_keys(
    connection: Connection, holders: Mapping[bytes, KeyHolder], owned: Collection[bytes]
) -> None:
    """Write keys that the journal doesn't have.

    Args:
        connection: A connection in a transaction that writes.
        holders: The contribution of each key.
        owned: Those of the keys whose ids own something.
    """
    rows = _to_rows(holders, owned)
    done = 0
    while left := len(rows) - done:
        # A statement for each power of two, so that few are made.
        number = min(1 << (left.bit_length() - 1), _MAX_KEYS_INSERTED)
        values = [value for row in rows[done : done + number] for value in row]
        driver.change(connection, _insertion(connection.dialect.name, number), values)
        done += number


@cache
def _insertion(dialect: str, rows: int) -> str:
    """Return the statement that inserts as many rows.

    Each run of a statement of SQLite lets the interpreter's lock go, and the event loop may keep it
    for milliseconds then. So a group is no sequence of statements for one row each.
    """
    columns = ", ".join(_COLUMNS)
    row = f"({', '.join([driver.MARKS[dialect]] * len(_COLUMNS))})"
    values = ", ".join([row] * rows)
    return f"{_INSERT[dialect]} INTO idempotency_keys ({columns}) VALUES {values}"


def insert_keys_of_upload(
    connection: Connection, holders: Mapping[bytes, KeyHolder], owned: Collection[bytes]
) -> bool:
    """Write keys of an open upload.

    Args:
        connection: A connection in a transaction that writes.
        holders: The contribution of each key; all are in the upload's entry.
        owned: Those of the keys whose ids own something.

    Returns:
        Whether they are written. False means that the journal has one of them already.
    """
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in _to_rows(holders, owned)]
    inserting = insert_missing(connection, IdempotencyKey)
    if connection.execute(inserting, rows).rowcount == len(rows):
        return True
    own_entry_id = next(iter(holders.values())).entry_id
    known = free_keys(connection, holders, own_entry_id)
    if any(holder.entry_id != own_entry_id for holder in known.values()):
        return False
    fresh = {key: holder for key, holder in holders.items() if key not in known}
    insert_keys(connection, fresh, owned)
    return True


def _to_rows(
    holders: Mapping[bytes, KeyHolder], owned: Collection[bytes]
) -> list[tuple[bytes, str, int, bool]]:
    """Return the rows of keys, with the values of `_COLUMNS`."""
    # In one order everywhere: PostgreSQL's writers would deadlock on each other's keys.
    return [
        (key, holders[key].contribution_id, holders[key].entry_id, key not in owned)
        for key in sorted(holders)
    ]
