"""Splits texts into words, by which near duplicates and repetitions are found.

A word is a run of letters, marks and digits in lower case. In scripts that are written without
spaces, each character is a word.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from string import ascii_lowercase, digits
from typing import Final, TypeAlias

import mmh3
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.cleaning.columns import AnyByte, bytes_of, matching, replaced
from app.curation.rules.cleaning.said import said
from app.curation.rules.curating.arrays import Hashes, Ints, offsets_of, one_array, to_numpy

_ASCII_BYTES: Final = 128
_LETTERS_AND_DIGITS: Final = (ascii_lowercase + digits).encode()
# A table for bytes of UTF-8 in lower case: characters of ASCII that are in no word become spaces,
# and all other bytes stay. One pass over the bytes costs a fortieth of a regular expression.
_SPACES: Final = bytes(
    byte if byte in _LETTERS_AND_DIGITS or byte >= _ASCII_BYTES else ord(" ") for byte in range(256)
)
# Other characters between words, each class once: large classes take milliseconds to compile.
_SEPARATORS: Final = r"[^\x00-\x7f\p{L}\p{M}\p{N}]"
# A mark is of the character before it, and alone makes no word.
_LONE_MARKS: Final = r"(?:^| )\p{M}+"
# Scripts that are written without spaces: the first code point of each, and the one after its last.
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
_BEYOND_ASCII: Final = AnyByte(bytes(range(0x80, 0x100)))
_MAYBE_WITHOUT_SPACES: Final = AnyByte(bytes(range(0xE0, 0x100)))  # from U+0800 on
ANY_WITHOUT_SPACES: Final = (
    "["
    + "".join(
        f"\\x{{{first:x}}}-\\x{{{after - 1:x}}}"
        for first, after in _WITHOUT_SPACES.reshape(-1, 2).tolist()
    )
    + "]"
)


@dataclass(frozen=True)
class Vocabulary:
    """Distinct words, with what is computed of each of them once.

    Attributes:
        words: The words.
    """

    words: pa.Array

    @cached_property
    def hashes(self) -> Hashes:
        """64 bits of every word's MurmurHash3, the same in every process and release."""
        words = self.words.to_pylist()
        return np.array([mmh3.hash64(word, signed=False)[0] for word in words], np.uint64)

    @cached_property
    def are_characters(self) -> NDArray[np.bool_]:
        """Which words are characters of scripts that are written without spaces."""
        return to_numpy(pc.match_substring_regex(self.words, ANY_WITHOUT_SPACES))

    @cached_property
    def have_digits(self) -> NDArray[np.bool_]:
        """Which words have a digit."""
        return to_numpy(pc.match_substring_regex(self.words, r"\p{N}"))


@dataclass(frozen=True, slots=True)
class Words:
    """The words of texts, one after another.

    Attributes:
        distinct: The distinct words of these texts, and maybe of others.
        numbers: Index of every word in the vocabulary.
        offsets: The offsets of texts into `numbers`, as in `arrays`.
    """

    distinct: Vocabulary
    numbers: Ints
    offsets: Ints

    @property
    def vocabulary(self) -> pa.Array:
        """The distinct words."""
        return self.distinct.words

    def hashes(self) -> Hashes:
        """Return the hash of every word."""
        return self.distinct.hashes[self.numbers]

    def are_characters(self) -> NDArray[np.bool_]:
        """Return which words are characters of scripts that are written without spaces."""
        return self.distinct.are_characters[self.numbers]

    def have_digits(self) -> NDArray[np.bool_]:
        """Return which words have a digit."""
        return self.distinct.have_digits[self.numbers]

    def take(self, texts: Ints, most: Ints | int | None = None) -> "Words":
        """Return the words of some of the texts.

        Args:
            texts: The places of the texts.
            most: Number of words that a text, or each of them, may have; further ones are left
                out. None for all.
        """
        begins, lengths = self.offsets[texts], np.diff(self.offsets)[texts]
        if most is not None:
            lengths = np.minimum(lengths, most)
        offsets = offsets_of(lengths)
        places = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
        return Words(self.distinct, self.numbers[places], offsets)


@dataclass(frozen=True)
class Turns:
    """The turns of conversations, one after another.

    Attributes:
        turns: The turns, as Arrow structs.
        offsets: The offsets of conversations into `turns`, as in `arrays`.
    """

    turns: pa.Array
    offsets: Ints

    def field(self, name: str) -> pa.Array:
        """Return a field of every turn, such as `content`."""
        return pc.struct_field(self.turns, name)

    @cached_property
    def words(self) -> Words:
        """The words of the content of every turn."""
        return words_of(self.field("content"))

    @cached_property
    def words_said(self) -> Words:
        """The words that every turn says, with those of its calls of tools."""
        calls = self.field("tool_calls")
        if calls.null_count == len(calls):
            return self.words
        return words_of(said(self.field("content"), calls))


Conversations: TypeAlias = pa.Array | pa.ChunkedArray | Turns
"""Conversations as a column of a stage, or their turns, whose words are split only once."""


def turns_of(conversations: Conversations) -> Turns:
    """Return the turns of conversations."""
    if isinstance(conversations, Turns):
        return conversations
    lists = one_array(conversations)
    return Turns(pc.list_flatten(lists), offsets_of(pc.list_value_length(lists)))


def words_of(texts: pa.Array) -> Words:
    """Return the words of texts."""
    content, offsets = bytes_of(_spaced(texts.cast(pa.large_string())))
    spaces = np.flatnonzero(content == ord(" "))
    # Where words and texts end, if no spaces are counted.
    ends_of_texts = offsets[1:] - np.searchsorted(spaces, offsets[1:])
    ends = np.concatenate([spaces - np.arange(len(spaces)), ends_of_texts])
    ends.sort(kind="stable")  # of two sorted parts, which it merges
    ends = ends[np.diff(ends, prepend=0) > 0]
    letters = pa.py_buffer(content.tobytes().translate(None, b" "))
    bounds = pa.py_buffer(np.concatenate([[0], ends]))
    coded = pa.LargeStringArray.from_buffers(len(ends), bounds, letters).dictionary_encode()
    numbers = to_numpy(coded.indices).astype(np.int64)
    until = np.searchsorted(ends, ends_of_texts, side="right")
    return Words(Vocabulary(coded.dictionary), numbers, np.concatenate([[0], until]))


def _spaced(texts: pa.Array) -> pa.Array:
    """Return texts in lower case with spaces between words."""
    lower = _without_ascii_separators(pc.utf8_lower(texts))
    spaced = _changed_at(lower, matching(lower, _BEYOND_ASCII), _without_separators)
    unspaced = matching(spaced, _MAYBE_WITHOUT_SPACES, ANY_WITHOUT_SPACES)
    return _changed_at(spaced, unspaced, _with_spaces_around_characters)


def _changed_at(texts: pa.Array, indices: Ints, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Return the texts with a function applied to those with these indices."""
    if not len(indices):
        return texts
    return replaced(texts, indices, change(texts.take(pa.array(indices))))


def _without_separators(texts: pa.Array) -> pa.Array:
    """Return texts with spaces in the place of other characters that are in no word."""
    spaced = pc.replace_substring_regex(texts, _SEPARATORS, " ")
    return pc.replace_substring_regex(spaced, _LONE_MARKS, " ")


def _with_spaces_around_characters(texts: pa.Array) -> pa.Array:
    """Return texts with spaces around each character of scripts that are written without spaces.

    Args:
        texts: At least one text, none with a line feed.
    """
    codes = np.frombuffer("\n".join(texts.to_pylist()).encode("utf-32-le"), np.uint32)
    alone = np.searchsorted(_WITHOUT_SPACES, codes, side="right") % 2 == 1
    after = np.concatenate([[False], alone[:-1]])
    apart = np.insert(codes, np.flatnonzero(alone | after), ord(" "))
    return pa.array(apart.tobytes().decode("utf-32-le").split("\n"), texts.type)


def _without_ascii_separators(texts: pa.Array) -> pa.Array:
    """Return texts with spaces in the place of characters of ASCII that are in no word."""
    validity, offsets, data = texts.buffers()
    spaced = pa.py_buffer(data.to_pybytes().translate(_SPACES) if data else b"")
    buffers = [validity, offsets, spaced]
    return pa.Array.from_buffers(texts.type, len(texts), buffers, offset=texts.offset)
