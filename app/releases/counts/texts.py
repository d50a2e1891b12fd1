"""Counting the messages and texts of a release's rows."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.releases.counts.roles import plain_roles
from app.releases.counts.statistics import Texts, Tokens
from app.releases.counts.tokens import ROW_CHARACTERS, RowText, TokenSample
from catalog.schema import CONVERSATION, ID

_MESSAGE_COLUMNS: Final = (CONVERSATION, "messages", "prompt", "chosen", "rejected", "completion")
"""The columns of all forms of releases that hold lists of messages."""
_TEXTS: Final = ("content", "reasoning", "reasoning_content")
"""The fields of a message that are counted."""
_MESSAGE_LIMITS: Final = (1, 2, 4, 8, 16, 32)
_CHARACTER_LIMITS: Final = (250, 1_000, 4_000, 16_000, 64_000, 256_000)
"""The numbers up to which rows are counted together; the longer ones are, too."""
_NO_LIMIT: Final = "more"

_Numbers = NDArray[np.int64]


class MessageTally:
    """Counts messages, characters and tokens."""

    def __init__(self) -> None:
        self._rows = 0
        self._messages: Counter[str] = Counter()
        self._characters: Counter[str] = Counter()
        self._by_messages = Histogram(_MESSAGE_LIMITS)
        self._by_characters = Histogram(_CHARACTER_LIMITS)
        self._tokens = TokenSample()

    def add(self, rows: pa.RecordBatch) -> None:
        """Count published rows."""
        self._rows += rows.num_rows
        messages, characters = np.zeros((2, rows.num_rows), np.int64)
        for lists in _message_lists(rows):
            flat, row = lists.flatten(), _rows_of(lists)
            roles, lengths = plain_roles(flat.field("role")), _characters_of(flat)
            messages += np.bincount(row, minlength=rows.num_rows)
            characters += np.bincount(row, lengths, rows.num_rows).astype(np.int64)
            self._add_roles(roles, lengths)
        self._by_messages.add(messages)
        self._by_characters.add(characters)
        self._tokens.add(rows[ID], characters, lambda wanted: _said_in(rows, wanted))

    def texts(self) -> Texts:
        """Return the counts of messages and characters."""
        return Texts(
            messages=dict(sorted(self._messages.items())),
            characters=dict(sorted(self._characters.items())),
            rows_by_messages=self._by_messages.counts(),
            rows_by_characters=self._by_characters.counts(),
            most_messages=self._by_messages.most,
            most_characters=self._by_characters.most,
        )

    def tokens(self) -> Tokens:
        """Return the counts of tokens."""
        return self._tokens.tokens(self._rows, self._characters)

    def _add_roles(self, roles: pa.Array, characters: _Numbers) -> None:
        encoded = roles.dictionary_encode()
        of_role = encoded.indices.to_numpy()
        for number, role in enumerate(encoded.dictionary.to_pylist()):
            is_role = of_role == number
            self._messages[role] += int(is_role.sum())
            self._characters[role] += int(characters[is_role].sum())


class Histogram:
    """Counts numbers between limits.

    Attributes:
        most: The largest number; 0 without any.
    """

    def __init__(self, limits: tuple[int, ...]) -> None:
        """Begin without numbers.

        Args:
            limits: Up to and including each of them, ascending, numbers are counted together.
        """
        self._limits = limits
        self._counts = np.zeros(len(limits) + 1, np.int64)
        self.most = 0

    def add(self, numbers: _Numbers) -> None:
        """Count numbers."""
        places = np.searchsorted(self._limits, numbers)
        self._counts += np.bincount(places, minlength=len(self._counts))
        self.most = max(self.most, int(numbers.max(initial=0)))

    def counts(self) -> dict[str, int]:
        """Return the counts by limit, up to the limit of the largest number."""
        names = [*map(str, self._limits), _NO_LIMIT]
        last = bisect_left(self._limits, self.most)
        return dict(zip(names[: last + 1], self._counts.tolist(), strict=False))


def _message_lists(rows: pa.RecordBatch) -> Iterator[pa.Array]:
    yield from (rows[name] for name in rows.schema.names if name in _MESSAGE_COLUMNS)


def _rows_of(lists: pa.Array) -> _Numbers:
    """Return the index of the row of each element of lists, which may be a slice."""
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    return np.repeat(np.arange(len(lists)), lengths)


def _characters_of(messages: pa.StructArray) -> _Numbers:
    """Return the number of characters of each message."""
    lengths = np.zeros(len(messages), np.int64)
    for part in messages.type:
        if part.name in _TEXTS:
            counted = pc.utf8_length(messages.field(part.name)).fill_null(0)
            lengths += counted.to_numpy(zero_copy_only=False)
    return lengths


def _said_in(rows: pa.RecordBatch, wanted: list[int]) -> list[list[RowText]]:
    """Return the beginnings of the texts of the rows with these indices."""
    said: list[list[RowText]] = [[] for _ in wanted]
    for lists in _message_lists(rows):
        chosen = lists.take(pa.array(wanted, pa.int64()))
        messages, row = chosen.flatten(), _rows_of(chosen).tolist()
        roles = plain_roles(messages.field("role")).to_pylist()
        for part in messages.type:
            if part.name in _TEXTS:
                texts = pc.utf8_slice_codeunits(messages.field(part.name), 0, ROW_CHARACTERS)
                for place, role, text in zip(row, roles, texts.to_pylist(), strict=True):
                    said[place].append(RowText(role, text or ""))
    return said
