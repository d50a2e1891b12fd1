"""Lines of NDJSON: an upload's text, cut into chunks of whole lines."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.ingest.decoding.buffers import joined
from app.ingest.errors import LimitExceeded

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Text that is worked on at once: some thousand conversations."""
CHUNK_LINES: Final = 8192
"""Lines that are worked on at once at most: each can be wrong, and have a long list of errors."""

_LINE_FEED, _SPACE, _TAB, _CARRIAGE_RETURN = b"\n \t\r"
_OPENING, _CLOSING = b"{}"

Characters = NDArray[np.uint8]
Offsets = NDArray[np.int64]
_NO_OFFSETS: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that aren't blank, in their order.

    Attributes:
        text: The text that holds the lines, and perhaps others, in Arrow's memory.
        numbers: Number of each line within the upload, from 1; blank lines count.
        starts: Where in the text each line begins.
        ends: Where in the text the line feed of each line is.
        are_braced: For each line whether an opening brace is its first character and a closing one
            its last, apart from white space.
    """

    text: pa.Buffer
    numbers: Offsets
    starts: Offsets
    ends: Offsets
    are_braced: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[bytes]:
        text = memoryview(self.text)
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            yield bytes(text[start:end])

    def __getitem__(self, some: "slice | NDArray[np.bool_]") -> "Lines":
        return Lines(
            self.text,
            self.numbers[some],
            self.starts[some],
            self.ends[some],
            self.are_braced[some],
        )

    def packed(self) -> "Lines":
        """Return the same lines with a text that has no others."""
        text = joined([line + b"\n" for line in self])
        lengths = self.ends - self.starts
        ends = np.cumsum(lengths + 1) - 1
        return replace(self, text=text, starts=ends - lengths, ends=ends)

    @property
    def span(self) -> memoryview:
        """The text from the first line to the last, without a copy."""
        start, stop = (int(self.starts[0]), int(self.ends[-1]) + 1) if len(self) else (0, 0)
        return memoryview(self.text)[start:stop]

    @property
    def max_bytes(self) -> int:
        """The length of the longest line."""
        return int((self.ends - self.starts).max(initial=0))


class LineCutter:
    """Cuts a text that comes in pieces into chunks of whole lines, in bounded memory."""

    def __init__(self, max_line_bytes: int) -> None:
        """Begin with line 1.

        Args:
            max_line_bytes: How long a line may be, without its line feed.
        """
        self._max_line_bytes = max_line_bytes
        self._pieces: list[bytes] = []
        self._feeds: list[Offsets] = []
        self._waiting_bytes = 0
        self._waiting_lines = 0
        self._unfinished_bytes = 0
        self._next_number = 1

    def feed(self, piece: bytes) -> list[Lines]:
        """Take the next piece of the text, which may be cut anywhere.

        Returns:
            The next chunks; none before `CHUNK_BYTES` or `CHUNK_LINES` wait.

        Raises:
            LimitExceeded: A line is too long.
        """
        ends_lines = self._add(piece)
        if self._unfinished_bytes > self._max_line_bytes:
            raise self._too_long("the last line so far")
        is_enough = self._waiting_bytes >= CHUNK_BYTES or self._waiting_lines >= CHUNK_LINES
        return self._cut() if ends_lines and is_enough else []

    def finish(self) -> list[Lines]:
        """Return the lines that are left. The last one needn't end in a line feed.

        Raises:
            LimitExceeded: A line is too long.
        """
        if self._unfinished_bytes:
            self._add(b"\n")
        return self._cut()

    def _add(self, piece: bytes) -> bool:
        """Add a piece to the text that waits, and tell whether a line ends in it."""
        # Comparing a whole chunk at once would take as much fresh memory as the chunk has, and
        # getting that from the system takes longer than the comparison.
        feeds = np.flatnonzero(np.frombuffer(piece, np.uint8) == _LINE_FEED)
        self._pieces.append(piece)
        if len(feeds):
            self._feeds.append(feeds + self._waiting_bytes)
            self._waiting_lines += len(feeds)
            self._unfinished_bytes = len(piece) - int(feeds[-1]) - 1
        else:
            self._unfinished_bytes += len(piece)
        self._waiting_bytes += len(piece)
        return len(feeds) > 0

    def _cut(self) -> list[Lines]:
        """Return the lines that are whole; the last one ends in the last piece."""
        *pieces, last = self._pieces or [b""]
        end = len(last) - self._unfinished_bytes
        text = joined([*pieces, last[:end]])
        ends = np.concatenate([_NO_OFFSETS, *self._feeds])
        self._pieces, self._feeds = [last[end:]], []
        self._waiting_bytes, self._waiting_lines = self._unfinished_bytes, 0
        lines = _filled_lines(text, ends, self._next_number)
        if lines.max_bytes > self._max_line_bytes:
            longest = int(lines.numbers[(lines.ends - lines.starts).argmax()])
            raise self._too_long(f"line {longest}")
        self._next_number += len(ends)
        return [lines[first : first + CHUNK_LINES] for first in range(0, len(lines), CHUNK_LINES)]

    def _too_long(self, subject: str) -> LimitExceeded:
        return LimitExceeded("max_body_bytes", self._max_line_bytes, subject)


def _filled_lines(text: pa.Buffer, ends: Offsets, first_number: int) -> Lines:
    """Return the lines of a text that aren't blank.

    Every step works on all lines at once: a body of a few kilobytes can inflate to 100 million
    blank ones.

    Args:
        text: The text.
        ends: Where the line feeds are.
        first_number: Number of the first line.
    """
    characters = np.frombuffer(text, np.uint8)
    starts = np.append(0, ends + 1)[: len(ends)]
    indices = np.flatnonzero(starts < ends)
    firsts, lasts = starts[indices], ends[indices] - 1
    are_braced = _are_braced(characters, firsts, lasts)
    if not are_braced.all():
        # Some begin or end with white space, or are wrong.
        firsts, lasts = _without_space(characters, firsts, lasts)
        are_filled = firsts <= lasts
        indices, firsts, lasts = indices[are_filled], firsts[are_filled], lasts[are_filled]
        are_braced = _are_braced(characters, firsts, lasts)
    numbers = indices + first_number
    return Lines(text, numbers, starts[indices], ends[indices], are_braced)


def _are_braced(characters: Characters, firsts: Offsets, lasts: Offsets) -> NDArray[np.bool_]:
    return np.equal(characters[firsts], _OPENING) & np.equal(characters[lasts], _CLOSING)


def _without_space(
    characters: Characters, firsts: Offsets, lasts: Offsets
) -> tuple[Offsets, Offsets]:
    """Return where each line begins and ends apart from white space; a blank one ends first."""
    # The codes from tab to carriage return are white space, as to `bytes.isspace`; those below tab
    # are large after the subtraction.
    is_space = (characters - np.uint8(_TAB) <= _CARRIAGE_RETURN - _TAB) | (characters == _SPACE)
    solid = np.flatnonzero(~is_space)
    return (
        np.append(solid, len(characters))[np.searchsorted(solid, firsts)],
        np.insert(solid, 0, -1)[np.searchsorted(solid, lasts, "right")],
    )
