"""The words of texts: what near duplicates and repetitions are told by.

A word is a run of letters, marks and digits of any script, in lower case. Scripts that are written
without spaces have no such runs, so there each character is a word.
"""

from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_lowercase, digits
from typing import Any, Final

import mmh3
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

_ASCII_BYTES: Final = 128
_LETTERS_AND_DIGITS: Final = (ascii_lowercase + digits).encode()
# Turns what ASCII has beside words of lower case into spaces, and leaves the other bytes of UTF-8.
# One pass over the bytes costs a fortieth of what a regular expression does.
_SPACES: Final = bytes(
    byte if byte in _LETTERS_AND_DIGITS or byte >= _ASCII_BYTES else ord(" ") for byte in range(256)
)
# What else there is between words. Marks make no word: they are of the character before them.
_SEPARATORS: Final = r"(?:^|[^\p{L}\p{M}\p{N}])\p{M}+|[^\x00-\x7f\p{L}\p{M}\p{N}]+\p{M}*"
# Scripts that are written without spaces: the first character of each, and the one after its last.
_WITHOUT_SPACES: Final = np.array(
    [
        *(0x0E00, 0x0F00),  # Thai, Lao
        *(0x1000, 0x10A0),  # Myanmar
        *(0x1780, 0x1800),  # Khmer
        *(0x3005, 0x3008),  # Han: marks of repetition, zero
        *(0x3040, 0x3100),  # Hiragana, Katakana
        *(0x31F0, 0x3200),  # Katakana
        *(0x3400, 0x4DC0),  # Han
        *(0x4E00, 0xA000),
        *(0xF900, 0xFB00),
        *(0xFF66, 0xFFA0),  # Katakana
        *(0x20000, 0x40000),  # Han
    ],
    np.uint32,
)
_ANY_WITHOUT_SPACES: Final = (
    "["
    + "".join(
        f"\\x{{{first:x}}}-\\x{{{after - 1:x}}}"
        for first, after in _WITHOUT_SPACES.reshape(-1, 2).tolist()
    )
    + "]"
)


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of conversations, one after another.

    Attributes:
        turns: The turns, as structs.
        offsets: Where the turns of each conversation begin, and the end; one more than there are
            conversations.
    """

    turns: pa.Array
    offsets: Ints

    def field(self, name: str) -> pa.Array:
        """Return a field of every turn, such as `content`."""
        return pc.struct_field(self.turns, name)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of texts, one after another.

    Attributes:
        vocabulary: The distinct words.
        numbers: For every word its place in the vocabulary.
        offsets: Where the words of each text begin, and the end.
    """

    vocabulary: pa.Array
    numbers: Ints
    offsets: Ints

    def hashes(self) -> Hashes:
        """Return 64 bits of every word's MurmurHash3, which no process or release changes."""
        distinct = [mmh3.hash64(word, signed=False)[0] for word in self.vocabulary.to_pylist()]
        return np.array(distinct, np.uint64)[self.numbers]


def turns_of(conversations: pa.Array | pa.ChunkedArray) -> Turns:
    """Return the turns of conversations."""
    lists = one_array(conversations)
    return Turns(pc.list_flatten(lists), offsets_of(pc.list_value_length(lists)))


def words_of(texts: pa.Array) -> Words:
    """Return the words of texts."""
    lists = pc.ascii_split_whitespace(_spaced(texts.cast(pa.large_string())))
    coded = pc.list_flatten(lists).dictionary_encode()
    numbers = numpy(coded.indices).astype(np.int64)
    # A text that begins or ends with a space has an empty word there.
    present = numbers != pc.index(coded.dictionary, "").as_py()
    counts = sums(present, offsets_of(pc.list_value_length(lists)))
    return Words(coded.dictionary, numbers[present], offsets_of(counts))


def _spaced(texts: pa.Array) -> pa.Array:
    """Return texts in lower case with spaces between words."""
    lower = _translated(pc.utf8_lower(texts))
    spaced = _replaced(
        lower,
        pc.invert(pc.string_is_ascii(lower)),
        lambda others: pc.replace_substring_regex(others, _SEPARATORS, " "),
    )
    unspaced = pc.match_substring_regex(spaced, _ANY_WITHOUT_SPACES)
    return _replaced(spaced, unspaced, _set_apart)


def _replaced(texts: pa.Array, where: pa.Array, by: Callable[[pa.Array], pa.Array]) -> pa.Array:
    chosen = texts.filter(where)
    return pc.replace_with_mask(texts, where, by(chosen)) if len(chosen) else texts


def _set_apart(texts: pa.Array) -> pa.Array:
    """Return texts with spaces around the characters that are words.

    There is at least one text, and none has a line feed.
    """
    codes = np.frombuffer("\n".join(texts.to_pylist()).encode("utf-32-le"), np.uint32)
    alone = np.searchsorted(_WITHOUT_SPACES, codes, side="right") % 2 == 1
    after = np.concatenate([[False], alone[:-1]])
    apart = np.insert(codes, np.flatnonzero(alone | after), ord(" "))
    return pa.array(apart.tobytes().decode("utf-32-le").split("\n"), texts.type)


def _translated(texts: pa.Array) -> pa.Array:
    validity, offsets, data = texts.buffers()
    spaced = pa.py_buffer(data.to_pybytes().translate(_SPACES) if data else b"")
    buffers = [validity, offsets, spaced]
    return pa.Array.from_buffers(texts.type, len(texts), buffers, offset=texts.offset)


def offsets_of(lengths: Any) -> Ints:
    """Return where rows of these lengths begin, and the end."""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64))])


def sums(values: NDArray[Any], offsets: Ints) -> NDArray[Any]:
    """Return the sum of each row's values; zero where a row has none."""
    return np.diff(np.concatenate([[0], np.cumsum(values)])[offsets])


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Return part / whole, and 0 where there is nothing."""
    ratios = np.zeros(len(whole))
    np.divide(part, whole, out=ratios, where=whole > 0)
    return ratios


def one_array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def numpy(values: pa.Array) -> NDArray[Any]:
    """Return an array without nulls in NumPy."""
    found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return found
