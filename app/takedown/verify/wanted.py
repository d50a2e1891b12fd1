"""What is looked for: ids of contributions, and a text."""

import csv
import html
import io
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from catalog.errors import Invalid

Data = bytes | memoryview
"""Bytes that are searched."""

MIN_TEXT_CHARACTERS: Final = 16
"""Length below which a text is likely to occur elsewhere."""
_PIECE_CHARACTERS: Final = 48
_STRIDE_CHARACTERS: Final = 512
"""Databases keep parts of a long text on pages of their own, and each part has a piece then."""


class TextTooShort(Invalid):
    """The text that is to be looked for would be found by chance."""

    def __init__(self) -> None:
        super().__init__(f"a text to look for needs {MIN_TEXT_CHARACTERS} characters or more")


class Wanted:
    """Finds ids and a text in bytes.

    An id is found as text, as the 16 bytes of a UUID, and as DuckDB writes a UUID. A text is found
    by pieces of it, also where it was escaped for JSON, HTML or CSV.

    Attributes:
        longest: Length of the longest sequence of bytes that is looked for.
    """

    def __init__(self, ids: Collection[UUID], text: str | None = None) -> None:
        """Look for ids and a text.

        Args:
            ids: The contribution_ids; there is no limit to their number.
            text: A text; None to look for ids alone.

        Raises:
            TextTooShort: The text is so short that it would be found by chance.
        """
        forms = [
            {str(each).encode(): each for each in ids},
            {each.bytes: each for each in ids},
            {_in_duckdb(each): each for each in ids},
        ]
        pieces = _pieces(text) if text is not None else set()
        self._ids = [_Keys(form) for form in forms if form]
        self._pieces = [re.compile(re.escape(piece)) for piece in pieces]
        lengths = [*map(len, pieces), *(len(key) for form in forms for key in form)]
        self.longest = max(lengths, default=1)
        self._text = text

    def without_ids(self) -> "Wanted":
        """Return what looks for the text alone."""
        return Wanted((), self._text)

    def found_in(self, data: Data) -> set[str]:
        """Return what is found in some bytes: ids, and `the text`."""
        found = {str(each) for keys in self._ids for each in keys.found_in(data)}
        if any(piece.search(data) for piece in self._pieces):
            found.add("the text")
        return found


class _Keys:
    """Any number of byte sequences of one length, each of an id.

    What all of them begin or end with is looked for, which takes as long for many as for one:
    ids of a time begin alike, and those that DuckDB writes end alike.
    """

    def __init__(self, ids: Mapping[bytes, UUID]) -> None:
        self._ids = ids
        keys = list(ids)
        start, end = _beginning(keys), _beginning([key[::-1] for key in keys])[::-1]
        self._length = len(keys[0])
        self._alike = re.compile(re.escape(max(start, end, key=len)))
        self._before = 0 if len(start) >= len(end) else self._length - len(end)

    def found_in(self, data: Data) -> Iterator[UUID]:
        """Yield the ids of the byte sequences that are in some data."""
        match = self._alike.search(data)
        # What is looked for is empty where ids have nothing in common, and found at the end, too.
        while match and match.start() < len(data):
            start = match.start() - self._before
            if start >= 0:
                found = self._ids.get(bytes(data[start : start + self._length]))
                if found is not None:
                    yield found
            # From the next byte on, since matches may overlap.
            match = self._alike.search(data, match.start() + 1)


def _beginning(keys: Sequence[bytes]) -> bytes:
    """Return what all of some byte sequences begin with."""
    first, last = min(keys), max(keys)
    shared = next((i for i, byte in enumerate(first) if byte != last[i]), len(first))
    return first[:shared]


def _in_duckdb(each: UUID) -> bytes:
    """Return a UUID as DuckDB keeps it: a signed number whose order is that of the texts."""
    return (each.int ^ 1 << 127).to_bytes(16, "little")


def _pieces(text: str) -> set[bytes]:
    """Return pieces of a text in all the ways in which they may be written."""
    text = text.strip()
    if len(text) < MIN_TEXT_CHARACTERS:
        raise TextTooShort
    last = max(0, len(text) - _PIECE_CHARACTERS)
    starts = {*range(0, last, _STRIDE_CHARACTERS), last}
    return {form for start in starts for form in _forms(text[start : start + _PIECE_CHARACTERS])}


def _forms(piece: str) -> Sequence[bytes]:
    in_csv = io.StringIO()
    csv.writer(in_csv, quoting=csv.QUOTE_ALL).writerow([piece])
    written = [
        piece,
        json.dumps(piece)[1:-1],
        json.dumps(piece, ensure_ascii=False)[1:-1],
        html.escape(piece),
        html.escape(piece, quote=False),
        in_csv.getvalue()[1:-3],
    ]
    return [form.encode("utf-8", "surrogatepass") for form in written]
