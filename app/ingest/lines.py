"""Lines of NDJSON: an upload's text, cut into chunks of whole lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.ingest.errors import LimitExceeded

CHUNK_BYTES: Final = 2 * 1024 * 1024
"""Text that is worked on at once: some thousand conversations."""

_LINE_FEED, _SPACE, _TAB, _CARRIAGE_RETURN = b"\n \t\r"
_OPENING, _CLOSING = b"{}"

Characters = NDArray[np.uint8]
Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that aren't blank, in their order.

    Attributes:
        text: The text that holds the lines, and perhaps others.
        numbers: Number of each line within the upload, from 1; blank lines count.
        starts: Where in the text each line begins.
        ends: Where in the text the line feed of each line is.
        are_braced: For each line whether an opening brace is its first character and a closing one
            its last, apart from white space.
    """

    text: bytes
    numbers: Offsets
    starts: Offsets
    ends: Offsets
    are_braced: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[bytes]:
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            yield self.text[start:end]

    def __getitem__(self, some: slice) -> "Lines":
        return Lines(
            self.text,
            self.numbers[some],
            self.starts[some],
            self.ends[some],
            self.are_braced[some],
        )

    @property
    def span(self) -> bytes:
        """The text from the first line to the last."""
        if not len(self):
            return b""
        return self.text[int(self.starts[0]) : int(self.ends[-1]) + 1]

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
        self._waiting_bytes = 0
        self._unfinished_bytes = 0
        self._next_number = 1

    def feed(self, piece: bytes) -> Lines | None:
        """Take the next piece of the text, which may be cut anywhere.

        Returns:
            The next chunk, or None while less than `CHUNK_BYTES` wait, or only a part of a line.

        Raises:
            LimitExceeded: A line is too long.
        """
        last_feed = piece.rfind(b"\n")
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        begun_bytes = self._unfinished_bytes if last_feed < 0 else 0
        self._unfinished_bytes = begun_bytes + len(piece) - (last_feed + 1)
        if self._unfinished_bytes > self._max_line_bytes:
            raise self._too_long("the last line so far")
        if self._waiting_bytes < CHUNK_BYTES or self._unfinished_bytes == self._waiting_bytes:
            return None
        return self._cut()

    def finish(self) -> Lines:
        """Return the lines that are left. The last one needn't end in a line feed.

        Raises:
            LimitExceeded: A line is too long.
        """
        if self._unfinished_bytes:
            self._pieces.append(b"\n")
            self._unfinished_bytes = 0
        return self._cut()

    def _cut(self) -> Lines:
        text = b"".join(self._pieces)
        end = len(text) - self._unfinished_bytes
        self._pieces = [text[end:]]
        self._waiting_bytes = self._unfinished_bytes
        lines, feeds = _split(text[:end], self._next_number)
        if lines.max_bytes > self._max_line_bytes:
            longest = int(lines.numbers[(lines.ends - lines.starts).argmax()])
            raise self._too_long(f"line {longest}")
        self._next_number += feeds
        return lines

    def _too_long(self, subject: str) -> LimitExceeded:
        return LimitExceeded("max_body_bytes", self._max_line_bytes, subject)


def _split(text: bytes, first_number: int) -> tuple[Lines, int]:
    """Return the lines of a text that aren't blank, and the number of all.

    Every step works on all lines at once: a body of a few kilobytes can inflate to 100 million
    blank ones.
    """
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(characters == _LINE_FEED)
    starts = np.concatenate((np.zeros(1, np.int64), ends + 1))[: len(ends)]
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
    return Lines(text, numbers, starts[indices], ends[indices], are_braced), len(ends)


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
