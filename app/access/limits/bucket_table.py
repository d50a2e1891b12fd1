"""The buckets of all clients, in memory that the workers of a server share.

A table has a fixed number of rows, so that clients can't fill the memory, however many come. A row
holds the buckets of one client. Each bucket is one number: the time at which it will be full again.
This is the generic cell rate algorithm in its form of virtual scheduling: ITU-T I.371, annex A.
Beside each bucket is what was taken from it here and not told to other nodes yet.

No lock guards the table, for the event loop must not wait for another process. Processors write
aligned words whole. When two workers take from one bucket within the same microsecond, one of the
two may be forgotten, and the client has a token more.
"""

import fcntl
import hmac
import mmap
import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.telemetry.labels import ClientKind

_WORD_BYTES: Final = 8
UNTOLD: Final = 8
"""Words from a bucket to what was taken from it untold, which lies in a row's second half.

Each half is a line of a processor's cache.
"""
ROW_WORDS: Final = 2 * UNTOLD
"""Words of a row: its client's digest, its buckets, an empty word, and what is untold."""
COLUMNS: Final = UNTOLD - 1
"""Buckets of a row."""
_SET_ROWS: Final = 8
"""Rows in which a client's buckets may lie, by its digest."""
_SET_WORDS: Final = _SET_ROWS * ROW_WORDS
_SETS: Final = 8_192
CAPACITY: Final = _SETS * _SET_ROWS
"""Clients that a table holds."""
HEAD_WORDS: Final = 8
"""Words before the first row, which hold the key of the digests."""
_BYTES: Final = (HEAD_WORDS + _SETS * _SET_WORDS) * _WORD_BYTES
_HEAD_BYTES: Final = HEAD_WORDS * _WORD_BYTES
_REMEMBERED_DIGESTS: Final = 16_384


def digest_key(secret: bytes) -> bytes:
    """Return the key of digests that all nodes of a lake have, from the secret of the lake."""
    return hmac.digest(secret, b"limits", "sha512")


def _new_key() -> bytes:
    return secrets.token_bytes(_HEAD_BYTES)


class Subject(NamedTuple):
    """Whom limits hold for.

    Attributes:
        kind: What the value is.
        value: The name of a network, the id of an API key, or a contributor_id.
    """

    kind: ClientKind
    value: str


class BucketTable:
    """A table of buckets.

    Attributes:
        times: The words of the table as times. A bucket is the time at which it will be full again,
            in the seconds of the clock that its users share, and 0 when it wasn't used yet.
            `UNTOLD` words behind it is what was taken from it and other nodes weren't told yet, as
            the time in seconds in which it flows in again.
        digests: The words of the table as digests; the word before a client's first bucket is its
            client's.
        digest_of: Returns the digest of a client.
    """

    def __init__(self, path: Path | None = None, read_key: Callable[[], bytes] = _new_key) -> None:
        """Open a table, which is made if it isn't there.

        Args:
            path: A file in memory that other processes open too; None for a table of this process.
            read_key: Returns the key of the digests of a new table, of up to 64 bytes. Nodes that
                tell each other of clients need the same one.

        Raises:
            OSError: There is no memory for it.
            SQLAlchemyError: The key can't be read.
        """
        if path is None:
            memory = _with_key(mmap.mmap(-1, _BYTES), read_key)
        else:
            memory = _shared(path, read_key)
        whole = memoryview(memory)
        self.digests = whole.cast("Q")
        self.times = whole.cast("d")
        self.digest_of = _keyed_digest(memory[:_HEAD_BYTES])

    def buckets_of(self, subject: Subject) -> int:
        """Return the place in `times` of the first bucket of a client; the others follow it.

        A client that has no row gets one that nobody has, or else the one of its set whose buckets
        will all be full first. What was taken from those is forgotten, so clients gain by this only
        if they come from about as many networks as the table has rows.
        """
        digest = self.digest_of(subject)
        digests = self.digests
        first = HEAD_WORDS + digest % _SETS * _SET_WORDS
        for row in range(first, first + _SET_WORDS, ROW_WORDS):
            found = digests[row]
            if found == digest:
                return row + 1
            if not found:
                # Rows are taken in their order, and never become free again.
                digests[row] = digest
                return row + 1
        return self._assign(first, digest)

    def rows(self) -> tuple[NDArray[np.uint64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the digests of all rows, their buckets, and what was taken from these untold.

        The arrays are the table itself. Rows that nobody has have the digest 0.
        """
        digests = np.asarray(self.digests)[HEAD_WORDS:].reshape(CAPACITY, ROW_WORDS)[:, 0]
        times = np.asarray(self.times)[HEAD_WORDS:].reshape(CAPACITY, ROW_WORDS)
        return digests, times[:, 1:UNTOLD], times[:, UNTOLD + 1 :]

    def _assign(self, first: int, digest: int) -> int:
        """Give a client the row of a full set, and return the place of its first bucket."""
        times = self.times

        def loss(row: int) -> float:
            return max(times[row + 1 : row + UNTOLD])

        row = min(range(first, first + _SET_WORDS, ROW_WORDS), key=loss)
        for word in range(row + 1, row + ROW_WORDS):
            times[word] = 0.0
        self.digests[row] = digest
        return row + 1


def _shared(path: Path, read_key: Callable[[], bytes]) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # One process writes the key, and the others wait for it.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # All of it at once: where memory is short, a later write would kill the process.
        os.posix_fallocate(descriptor, 0, _BYTES)
        return _with_key(mmap.mmap(descriptor, _BYTES), read_key)
    finally:
        # Closing it doesn't release the lock: the mapping has a duplicate of the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _with_key(memory: mmap.mmap, read_key: Callable[[], bytes]) -> mmap.mmap:
    if not any(memory[:_HEAD_BYTES]):
        memory[:_HEAD_BYTES] = read_key().ljust(_HEAD_BYTES, b"\0")
    return memory


def _keyed_digest(key: bytes) -> Callable[[Subject], int]:
    """Return a function that returns the digest of a client, which nobody else can predict."""

    @lru_cache(_REMEMBERED_DIGESTS)
    def digest(subject: Subject) -> int:
        text = f"{subject.kind}:{subject.value}".encode()
        # 0 marks an unused row, so no subject may have it.
        return int.from_bytes(blake2b(text, digest_size=_WORD_BYTES, key=key).digest()) or 1

    return digest
