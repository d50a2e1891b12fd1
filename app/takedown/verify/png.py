"""Texts in PNG pictures: https://www.w3.org/TR/png-3/#11textinfo. Pixels hold none."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

_SIGNATURE_BYTES: Final = 8
_HEADER: Final = struct.Struct(">I4s")
_CHECKSUM_BYTES: Final = 4
_END: Final = b"IEND"


def png_texts(data: memoryview) -> Iterator[bytes]:
    """Yield the compressed texts of a picture, decompressed; others are in its bytes as they are.

    Raises:
        ValueError: The picture is cut off.
        zlib.error: A text is broken.
    """
    place = _SIGNATURE_BYTES
    kind = b""
    while kind != _END:
        try:
            length, kind = _HEADER.unpack_from(data, place)
        except struct.error as error:
            raise ValueError("cut off") from error
        start = place + _HEADER.size
        chunk = bytes(data[start : start + length])
        if len(chunk) < length:
            raise ValueError("cut off")
        if kind == b"zTXt":
            # A keyword, NUL, and the method of compression come first.
            yield zlib.decompress(chunk.partition(b"\0")[2][1:])
        elif kind == b"iTXt" and (text := _compressed_text(chunk)):
            yield zlib.decompress(text)
        place = start + length + _CHECKSUM_BYTES


def _compressed_text(chunk: bytes) -> bytes | None:
    """Return the text of an iTXt chunk if it is compressed."""
    _keyword, _, rest = chunk.partition(b"\0")
    is_compressed, after = rest[:1] == b"\1", rest[2:]
    return after.split(b"\0", 2)[2] if is_compressed else None
