"""The idempotency keys of one upload, set aside until all of its lines are judged."""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final

_SCHEMA: Final = """
    PRAGMA journal_mode = OFF;
    CREATE TABLE keys (key BLOB PRIMARY KEY, contribution_id TEXT NOT NULL) WITHOUT ROWID;
    BEGIN;
"""


class StagedKeys:
    """A set of idempotency keys of any size, with the ids of their contributions.

    It is in memory as long as it is small, and in a temporary file that has no name as soon as it
    isn't: an upload has millions. Use it from one thread at a time.
    """

    def __init__(self) -> None:
        # The empty name is that of a temporary database: https://www.sqlite.org/inmemorydb.html
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)

    def add(self, ids: Mapping[bytes, str]) -> set[bytes]:
        """Add keys with the ids of their contributions; return those that weren't there.

        Raises:
            OSError: The temporary file can't be made or written.
        """
        statement = "INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING"
        try:
            return {
                key
                for key, contribution_id in ids.items()
                if self._database.execute(statement, (key, contribution_id)).rowcount
            }
        except sqlite3.OperationalError as error:
            raise OSError(f"the keys of an upload can't be set aside: {error}") from error

    def pieces(self, at_once: int) -> Iterator[dict[bytes, str]]:
        """Yield all keys with the ids, in the order of the keys, up to `at_once` at a time."""
        rows = self._database.execute("SELECT key, contribution_id FROM keys ORDER BY key")
        while piece := rows.fetchmany(at_once):
            yield dict(piece)

    def close(self) -> None:
        """Forget them."""
        self._database.close()
