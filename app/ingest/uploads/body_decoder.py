"""Decoding the body of an upload, chunk by chunk, in the order of its lines and bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Final

from app.ingest.uploads.line_decoder import DecodedLines
from app.ingest.uploads.lines import LineCutter, Lines

PROCESSORS: Final = os.cpu_count() or 1
MAX_CHUNKS: Final = PROCESSORS + 1
"""Chunks of an upload that are decoded or wait for it: one waits, so that no processor has to."""

DecodeSoon = Callable[[Lines], Future[DecodedLines]]
"""Has a chunk decoded by another thread."""


class BodyDecoder:
    """Cuts a body into chunks, and has as many decoded at once as there are processors."""

    def __init__(self, cutter: LineCutter, decode: DecodeSoon) -> None:
        self._cutter = cutter
        self._decode = decode
        self._decoding: deque[Future[DecodedLines]] = deque()

    def feed(self, piece: bytes) -> Iterator[DecodedLines]:
        """Yield the chunks that are decoded by now, given the next piece of the body.

        It waits while too many are being decoded.

        Raises:
            LimitExceeded: A line is too long.
        """
        yield from self._take(self._cutter.feed(piece))

    def finish(self) -> Iterator[DecodedLines]:
        """Yield all other chunks, once the body has ended.

        Raises:
            LimitExceeded: A line is too long.
        """
        yield from self._take(self._cutter.finish())
        while self._decoding:
            yield self._oldest()

    def cancel(self) -> None:
        """Decode no further chunk."""
        for decoding in self._decoding:
            decoding.cancel()

    def _take(self, chunks: Iterable[Lines]) -> Iterator[DecodedLines]:
        for lines in chunks:
            self._decoding.append(self._decode(lines))
            if len(self._decoding) >= MAX_CHUNKS:
                yield self._oldest()
        while self._decoding and self._decoding[0].done():
            yield self._oldest()

    def _oldest(self) -> DecodedLines:
        return self._decoding.popleft().result()
