"""Limits on how many queries run at once, on one machine and for one address.

A query locks one byte of a file for its slot, and another byte for one of the places of its
address. All workers of a machine use the same file. The locks belong to the open file description
(fcntl(2)), which the query's process holds too, so they are released when that process is gone and
not before.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final

from app.query.sql.errors import SqlAddressBusy, SqlPoolFull

LOCK_FILE_NAME: Final = "sql.lock"
"""The name of the file in the service's home."""

_FLOCK: Final = "hhqqi0q"
"""`struct flock` of fcntl(2): type, whence, first byte, number of bytes, process; 0 with OFD."""
_FIRST_OF_ADDRESSES: Final = 2**32
"""The position of the first byte for addresses; the bytes for slots come before it."""
_DIGEST_BYTES: Final = 6
"""The length of an address's digest, short enough that byte positions fit in 63 bits."""


class Slots:
    """The slots of one machine, of which each running query holds one."""

    def __init__(self, file: Path, size: int, per_address: int) -> None:
        """Share the slots of a file with other processes.

        Args:
            file: The file whose bytes are locked. It is made when it is first needed, and stays
                empty.
            size: The number of slots.
            per_address: The number of slots that one address may hold.
        """
        self._file = file
        self._size = size
        self._per_address = per_address

    @contextmanager
    def take(self, address: str) -> Iterator[int]:
        """Hold a slot during the block, and yield the file descriptor that holds the locks.

        Args:
            address: The client's address.

        Raises:
            SqlAddressBusy: The address holds all slots that it may.
            SqlPoolFull: No slot is free.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            if not _lock_one(file.fileno(), self._first_of(address), self._per_address):
                raise SqlAddressBusy(self._per_address)
            if not _lock_one(file.fileno(), 0, self._size):
                raise SqlPoolFull(self._size)
            yield file.fileno()

    def _first_of(self, address: str) -> int:
        """Return the position of the first of an address's bytes."""
        digest = blake2b(address.encode(), digest_size=_DIGEST_BYTES).digest()
        return _FIRST_OF_ADDRESSES + int.from_bytes(digest) * self._per_address


def _lock_one(descriptor: int, first: int, count: int) -> bool:
    """Lock one byte out of a range, if one is free, and return whether one was.

    Args:
        descriptor: The file.
        first: The position of the range's first byte.
        count: The length of the range in bytes.
    """
    for byte in range(first, first + count):
        lock = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
        except BlockingIOError:
            continue
        return True
    return False
