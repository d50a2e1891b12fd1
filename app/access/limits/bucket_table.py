"""The buckets of all clients, in memory that the workers of a server share.

A table has a fixed number of rows, so that clients can't fill the memory, however many come. A row
holds the buckets of one client. Each bucket is one number: the time at which it will be full again.
This is the generic cell rate algorithm in its form of virtual scheduling: ITU-T I.371, annex A.

No lock guards the table, for the event loop must not wait for another process. Processors write
aligned words whole. When two workers take from one bucket within the same microsecond, one of the
two may be forgotten, and the client has a token more.
"""

import fcntl
import mmap
import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

_WORD_BYTES: Final = 8
_ROW_WORDS: Final = 8
"""Words of a row: its client's digest, and its buckets. A row is a line of a processor's cache."""
COLUMNS: Final = _ROW_WORDS - 1
"""Buckets of a row."""
_SET_ROWS: Final = 8
"""Rows in which a client's buckets may lie, by its digest."""
_SET_WORDS: Final = _SET_ROWS * _ROW_WORDS
_SETS: Final = 8_192
CAPACITY: Final = _SETS * _SET_ROWS
"""Clients that a table holds."""
_SECRET_WORDS: Final = _ROW_WORDS
"""Words before the first row, which hold the key of the digests."""
_BYTES: Final = (_SECRET_WORDS + _SETS * _SET_WORDS) * _WORD_BYTES
_SECRET_BYTES: Final = _SECRET_WORDS * _WORD_BYTES
_REMEMBERED_DIGESTS: Final = 16_384


class Subject(NamedTuple):
    """Whom limits hold for.

    Attributes:
        kind: What the value is, such as "address".
        value: The value, such as the name of a network.
    """

    kind: str
    value: str


class BucketTable:
    """A table of buckets.

    Attributes:
        full_at: The words of the table as times at which buckets will be full again, in the seconds
            of the clock that its users share; 0 in buckets that weren't used yet.
        digests: The words of the table as digests; the word before a client's first bucket is its
            client's.
        digest_of: Returns the digest of a client.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open a table, which is made if it isn't there.

        Args:
            path: A file in memory that other processes open too; None for a table of this process.

        Raises:
            OSError: There is no memory for it.
        """
        memory = _with_key(mmap.mmap(-1, _BYTES)) if path is None else _shared(path)
        whole = memoryview(memory)
        self.digests = whole.cast("Q")
        self.full_at = whole.cast("d")
        self.digest_of = _keyed_digest(memory[:_SECRET_BYTES])

    def buckets_of(self, subject: Subject) -> int:
        """Return the place in `full_at` of the first bucket of a client; the others follow it.

        A client that has no row gets one that nobody has, or else the one of its set whose buckets
        will all be full first. What was taken from those is forgotten, so clients gain by this only
        if they come from about as many networks as the table has rows.
        """
        digest = self.digest_of(subject)
        digests = self.digests
        first = _SECRET_WORDS + digest % _SETS * _SET_WORDS
        for row in range(first, first + _SET_WORDS, _ROW_WORDS):
            if digests[row] == digest:
                return row + 1
        return self._assign(first, digest)

    def _assign(self, first: int, digest: int) -> int:
        """Give a row of a set to a client, and return the place of its first bucket."""
        times = self.full_at

        def loss(row: int) -> tuple[bool, float]:
            return self.digests[row] != 0, max(times[row + 1 : row + _ROW_WORDS])

        row = min(range(first, first + _SET_WORDS, _ROW_WORDS), key=loss)
        for bucket in range(row + 1, row + _ROW_WORDS):
            times[bucket] = 0.0
        self.digests[row] = digest
        return row + 1


def _shared(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # One process writes the key, and the others wait for it.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # All of it at once: where memory is short, a later write would kill the process.
        os.posix_fallocate(descriptor, 0, _BYTES)
        return _with_key(mmap.mmap(descriptor, _BYTES))
    finally:
        # Closing it doesn't release the lock: the mapping has a duplicate of the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _with_key(memory: mmap.mmap) -> mmap.mmap:
    if not any(memory[:_SECRET_BYTES]):
        memory[:_SECRET_BYTES] = secrets.token_bytes(_SECRET_BYTES)
    return memory


def _keyed_digest(key: bytes) -> Callable[[Subject], int]:
    """Return a function that returns the digest of a client, which nobody else can predict."""

    @lru_cache(_REMEMBERED_DIGESTS)
    def digest(subject: Subject) -> int:
        text = f"{subject.kind}:{subject.value}".encode()
        # 0 marks a row that nobody has.
        return int.from_bytes(blake2b(text, digest_size=_WORD_BYTES, key=key).digest()) or 1

    return digest
