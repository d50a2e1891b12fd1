"""Locks on bytes of a file, by which the processes of a machine share numbered places.

A lock belongs to the open file description (fcntl(2)). So it is released when the last process that
has this description open is gone or closes it, and not before.
"""

import fcntl
import os
import struct
from hashlib import blake2b
from typing import Final

_FLOCK: Final = "hhqqi0q"
"""`struct flock` of fcntl(2): type, whence, first byte, number of bytes, process; 0 with OFD."""
_FIRST_NAMED: Final = 2**32
"""The position of the first byte that belongs to a name; the bytes before it have no name."""
_DIGEST_BYTES: Final = 6
"""The length of a name's digest, short enough that byte positions fit in 63 bits."""


def lock_one(descriptor: int, first: int, count: int) -> bool:
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


def first_byte_of(name: str, count: int) -> int:
    """Return the position of the first of some bytes that belong to a name.

    Args:
        name: The name.
        count: How many bytes each name has, at most 1,000.
    """
    digest = blake2b(name.encode(), digest_size=_DIGEST_BYTES).digest()
    return _FIRST_NAMED + int.from_bytes(digest) * count
