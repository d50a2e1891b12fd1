"""Ids and hashes of rows as numbers, which take a third of the memory of their texts."""

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Hashes, Ints, one_array, to_numpy

NOBODY: Final = 0
"""Stands for null among the hashes of names."""
_BITS_OF_RANDOM_END: Final = np.uint64(48)
_HYPHENS: Final = (8, 12, 16, 20)
"""Where hyphens are put into the hexadecimal digits of a UUID (RFC 9562, section 4)."""
_TEXT_BYTES: Final = 36
_NAME_HASH_BYTES: Final = 8


def id_numbers(ids: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """Return the upper and the lower 64 bits of contribution_ids, as an array of rows by two."""
    digits = "".join(ids.to_pylist()).replace("-", "")
    return np.frombuffer(bytes.fromhex(digits), ">u8").reshape(-1, 2).astype(np.uint64)


def id_texts(numbers: NDArray[np.uint64]) -> pa.LargeStringArray:
    """Return the contribution_ids of which `id_numbers` returned these numbers."""
    hexadecimal = numbers.astype(">u8").tobytes().hex().encode()
    digits = np.frombuffer(hexadecimal, np.uint8).reshape(len(numbers), 32)
    texts = np.insert(digits, _HYPHENS, ord("-"), axis=1)
    offsets = np.arange(0, texts.size + 1, _TEXT_BYTES, dtype=np.int64)
    buffers = (pa.py_buffer(offsets), pa.py_buffer(texts.tobytes()))
    return pa.LargeStringArray.from_buffers(len(numbers), *buffers)


def random_ends(numbers: NDArray[np.uint64]) -> Hashes:
    """Return the random ends of ids: the last 48 bits (RFC 9562, section 5.7)."""
    ends: Hashes = numbers[:, 1] & ((np.uint64(1) << _BITS_OF_RANDOM_END) - np.uint64(1))
    return ends


def sha256_numbers(hashes: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """Return the first 128 bits of SHA-256 hashes in hexadecimal, as an array of rows by two."""
    digits = bytes.fromhex("".join(hashes.to_pylist()))
    return np.frombuffer(digits, ">u8").reshape(-1, 4)[:, :2].astype(np.uint64)


def name_hashes(names: pa.Array | pa.ChunkedArray) -> Ints:
    """Return a 64-bit hash of each name, and `NOBODY` for null."""
    encoded = one_array(names).dictionary_encode()
    hashes = [_name_hash(name) for name in encoded.dictionary.to_pylist()]
    places = to_numpy(encoded.indices.fill_null(len(hashes))).astype(np.int64)
    return np.array([*hashes, NOBODY], np.int64)[places]


def _name_hash(name: str) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=_NAME_HASH_BYTES).digest()
    # Odd, so that no name has the number 0, which stands for nobody.
    return int.from_bytes(digest, "little", signed=True) | 1
