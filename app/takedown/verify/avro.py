"""Avro object container files: https://avro.apache.org/docs/1.12.0/specification/."""

import zlib
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

_MAGIC: Final = b"Obj\x01"
_SYNC_BYTES: Final = 16
_MORE: Final = 0x80
"""The bit of a byte that says that the number goes on."""


def avro_blocks(data: memoryview) -> Iterator[bytes]:
    """Yield the blocks of a file, decompressed. Texts in them are as they are, in UTF-8.

    Raises:
        ValueError: The file is cut off, or its codec is unknown.
        zlib.error: A block is broken.
    """
    reader = _Reader(data[len(_MAGIC) :])
    codec = reader.metadata().get(b"avro.codec", b"null")
    reader.take(_SYNC_BYTES)
    while reader.has_more():
        reader.number()
        yield _decompressed(codec, reader.take(reader.number()))
        reader.take(_SYNC_BYTES)


def _decompressed(codec: bytes, block: bytes) -> bytes:
    if codec == b"null":
        return block
    if codec == b"deflate":
        return zlib.decompress(block, -zlib.MAX_WBITS)
    if codec == b"zstandard":
        return bytes(pa.CompressedInputStream(pa.BufferReader(block), "zstd").read())
    raise ValueError(f"codec {codec!r} is unknown")


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._place = 0

    def has_more(self) -> bool:
        return self._place < len(self._data)

    def take(self, length: int) -> bytes:
        taken = bytes(self._data[self._place : self._place + length])
        if length < 0 or len(taken) < length:
            raise ValueError("cut off")
        self._place += length
        return taken

    def number(self) -> int:
        """Read a variable-length zig-zag number."""
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & ~_MORE) << shift
            if not byte & _MORE:
                return (value >> 1) ^ -(value & 1)
            shift += 7

    def metadata(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        while count := self.number():
            if count < 0:
                # A negative count is followed by the size of the block in bytes.
                self.number()
            for _ in range(abs(count)):
                key = self.take(self.number())
                found[key] = self.take(self.number())
        return found
