"""The idempotency keys of one upload, kept aside until all of its lines are judged."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from app.versions.keys import VersionKey, contribution_key
from app.versions.prepared import PreparedRow

_SCHEMA: Final = """
    PRAGMA journal_mode = OFF;
    CREATE TABLE keys (
        key BLOB PRIMARY KEY, contribution_id TEXT NOT NULL, conversation_id BLOB, content_hash BLOB
    ) WITHOUT ROWID;
    BEGIN;
"""

_NO_VERSION: Final = (None, None)
_NONE: Final[Mapping[bytes, VersionKey]] = MappingProxyType({})


class StagedKeys:
    """Any number of idempotency keys, each with the id of its contribution.

    An upload can have millions. SQLite keeps a few in memory, and more in a temporary file without
    a name. Use it from one thread at a time.
    """

    def __init__(self) -> None:
        # The empty name is that of a temporary database: https://www.sqlite.org/inmemorydb.html
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)

    def add(
        self, ids: Mapping[bytes, str], versions: Mapping[bytes, VersionKey] = _NONE
    ) -> set[bytes]:
        """Add keys, and return those that are new.

        Args:
            ids: The id of the contribution of each key.
            versions: The key in the index of versions of those that have one.

        Raises:
            OSError: The temporary file can't be made or written.
        """
        statement = "INSERT INTO keys VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        rows = ((key, ids[key], *versions.get(key, _NO_VERSION)) for key in sorted(ids))
        try:
            # In the order of the keys, neighbours are on the same page.
            added = self._database.executemany(statement, rows).rowcount
            if added == len(ids):
                return set(ids)
            return {
                key
                for key, contribution_id in ids.items()
                if self._contribution_id(key) == contribution_id
            }
        except sqlite3.OperationalError as error:
            raise OSError(f"the keys of an upload can't be set aside: {error}") from error

    def pieces(self, max_keys: int) -> Iterator[dict[bytes, str]]:
        """Yield all keys with their ids, in the order of the keys, up to `max_keys` at a time."""
        rows = self._database.execute("SELECT key, contribution_id FROM keys ORDER BY key")
        while piece := rows.fetchmany(max_keys):
            yield dict(piece)

    def versions(self, max_versions: int) -> Iterator[list[PreparedRow]]:
        """Yield the versions of the index of versions, in its order, some at a time.

        Args:
            max_versions: How many are yielded at a time at most.

        Raises:
            OSError: The temporary file in which they are sorted can't be written.
        """
        query = (
            "SELECT conversation_id, content_hash, contribution_id FROM keys"
            " WHERE conversation_id IS NOT NULL ORDER BY conversation_id, content_hash"
        )
        try:
            rows = self._database.execute(query)
        except sqlite3.OperationalError as error:
            raise OSError(f"the versions of an upload can't be sorted: {error}") from error
        while piece := rows.fetchmany(max_versions):
            yield [
                (conversation, content, contribution_key(contribution_id))
                for conversation, content, contribution_id in piece
            ]

    def versions_of(self, keys: Iterable[bytes]) -> dict[bytes, VersionKey]:
        """Return the keys in the index of versions of those of some keys that have one."""
        query = "SELECT conversation_id, content_hash FROM keys WHERE key = ?"
        found = ((key, self._database.execute(query, (key,)).fetchone()) for key in keys)
        return {key: VersionKey(*version) for key, version in found if version != _NO_VERSION}

    def _contribution_id(self, key: bytes) -> str:
        query = "SELECT contribution_id FROM keys WHERE key = ?"
        (found,) = self._database.execute(query, (key,)).fetchone()
        return str(found)

    def close(self) -> None:
        """Forget the keys."""
        self._database.close()
