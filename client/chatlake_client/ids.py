"""Ingest ids that stay the same from run to run.

The id of a row is a name-based UUID, version 8 (RFC 9562, 5.8 and B.2): SHA-256 over the row's
canonical JSON and its ordinal among the equal rows of the same file. So a file that is sent twice
adds nothing the second time, and rows that a file repeats stay separate.
"""

import hashlib
import sqlite3
import uuid
from types import TracebackType
from typing import Self

from chatlake_client import jsontext

_UUID_BYTES = 16
_VERSION_BITS = 0x8 << 76
_VERSION_MASK = 0xF << 76
_VARIANT_BITS = 0b10 << 62
_VARIANT_MASK = 0b11 << 62


class StableIds:
    """Gives the rows of one file their ingest ids.

    The occurrences of each row are counted in a temporary SQLite database, which moves from memory
    to disk as it grows, because a file may have more rows than memory holds digests.
    """

    def __init__(self) -> None:
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute(
            "CREATE TABLE seen (digest BLOB PRIMARY KEY, rows INTEGER) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._seen.close()

    def id_of_next(self, row: object) -> str:
        """Return the id of the file's next row."""
        digest = hashlib.sha256(jsontext.canonical(row))
        (ordinal,) = self._seen.execute(
            "INSERT INTO seen VALUES (?, 1) "
            "ON CONFLICT (digest) DO UPDATE SET rows = rows + 1 RETURNING rows",
            (digest.digest(),),
        ).fetchone()
        digest.update(f"#{ordinal}".encode())
        return str(_uuid8(digest.digest()))


def _uuid8(digest: bytes) -> uuid.UUID:
    bits = int.from_bytes(digest[:_UUID_BYTES])
    bits = bits & ~_VERSION_MASK | _VERSION_BITS
    return uuid.UUID(int=bits & ~_VARIANT_MASK | _VARIANT_BITS)
