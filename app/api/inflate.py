"""Compressed bodies, decompressed as they come in pieces of bounded size."""

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from backports import zstd

from app.ingest.errors import MalformedBody

PIECE_BYTES: Final = 1024 * 1024
"""The largest piece of decompressed text: thirty kilobytes can inflate to a gigabyte."""

_STEP_BYTES: Final = 16 * 1024
"""Compressed bytes that are worked on at once. What follows the end of a part is copied."""
_ANY_HEADER: Final = zlib.MAX_WBITS + 32
"""Has zlib read its own format too, as many programs that are told to read gzip do."""


class _Part(Protocol):
    """A decompressor of one part of a body, as Python's modules for compression have them."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipPart:
    """One member of a gzip file: zlib's own decompressor doesn't keep the input that is left."""

    def __init__(self) -> None:
        self.needs_input = True
        self._inflating = zlib.decompressobj(_ANY_HEADER)

    @property
    def eof(self) -> bool:
        return self._inflating.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflating.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        text = self._inflating.decompress(self._inflating.unconsumed_tail + data, max_length)
        self.needs_input = len(text) < max_length and not self.eof
        return text


_PARTS: Final[dict[str, Callable[[], _Part]]] = {
    "gzip": _GzipPart,
    "zstd": zstd.ZstdDecompressor,
}


class Inflater:
    """Decompresses one body. A body may have several compressed parts, one after the other."""

    def __init__(self, encoding: str) -> None:
        """Begin a body.

        Args:
            encoding: `gzip` or `zstd`.
        """
        self._encoding = encoding
        self._part: _Part | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the text that the next bytes of the body hold, in pieces of up to `PIECE_BYTES`.

        Raises:
            MalformedBody: The body can't be decompressed.
        """
        for start in range(0, len(data), _STEP_BYTES):
            yield from self._inflated(data[start : start + _STEP_BYTES])

    def finish(self) -> None:
        """End the body.

        Raises:
            MalformedBody: It ends within a compressed part.
        """
        if self._part and not self._part.eof:
            raise MalformedBody(f"the body is not {self._encoding}: it ends too soon")

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        while data or (self._part and not (self._part.needs_input or self._part.eof)):
            if not self._part or self._part.eof:
                self._part = _PARTS[self._encoding]()
            try:
                text = self._part.decompress(data, PIECE_BYTES)
            except (zlib.error, zstd.ZstdError) as error:
                raise MalformedBody(f"the body is not {self._encoding}: {error}") from error
            data = self._part.unused_data if self._part.eof else b""
            if text:
                yield text
