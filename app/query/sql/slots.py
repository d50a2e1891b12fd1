"""How many queries a machine runs at once, and how many of them one address may have.

A query locks one byte of a file for its slot, and another for its place among those of its address.
The processes of all workers share the file. A lock belongs to the open file, which the query's
process holds too: both bytes are free when that process is gone, and not before.
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

_FLOCK: Final = "hhqqi0q"
"""`struct flock` of fcntl(2): type, whence, first byte, number of bytes, process; 0 with OFD."""
_FIRST_OF_ADDRESSES: Final = 2**32
"""The number of the first byte that stands for an address; the slots' bytes are before it."""
_DIGEST_BYTES: Final = 6
"""Length of an address's digest: so short that the number of its byte fits in 63 bits."""


class Slots:
    """The slots of one machine."""

    def __init__(self, file: Path, size: int, per_address: int) -> None:
        """Keep slots in a file, which is made when it is first needed.

        Args:
            file: The file whose bytes are locked; it stays empty.
            size: How many slots there are.
            per_address: How many of them one address may hold.
        """
        self._file = file
        self._size = size
        self._per_address = per_address

    @contextmanager
    def take(self, address: str) -> Iterator[int]:
        """Hold a slot during the block, and yield the descriptor that holds it.

        Args:
            address: Who asks for it.

        Raises:
            SqlAddressBusy: The address holds as many as it may.
            SqlPoolFull: All are held.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            if not _lock_one(file.fileno(), self._first_of(address), self._per_address):
                raise SqlAddressBusy(self._per_address)
            if not _lock_one(file.fileno(), 0, self._size):
                raise SqlPoolFull(self._size)
            yield file.fileno()

    def _first_of(self, address: str) -> int:
        """Return the first of the bytes that stand for an address."""
        digest = blake2b(address.encode(), digest_size=_DIGEST_BYTES).digest()
        return _FIRST_OF_ADDRESSES + int.from_bytes(digest) * self._per_address


def _lock_one(descriptor: int, first: int, count: int) -> bool:
    """Lock a byte that nobody has locked, and tell whether there was one."""
    for byte in range(first, first + count):
        lock = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
        except BlockingIOError:
            continue
        return True
    return False
