"""Searching, changing and nesting columns of texts.

A regular expression of RE2 first finds the texts that may need a change, so that Python code runs
on few of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

VISIBLE: Final = r"[^\s\pZ\p{Cc}\p{Cf}]"
"""Matches every text with a visible character."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AnyByte:
    """Matches texts that have one of some bytes in UTF-8.

    It is found in a fifth of the time of a regular expression.

    Attributes:
        values: The bytes.
    """

    values: bytes

    def match(self, texts: pa.Array) -> pa.Array:
        """Tell which texts have such a byte; null for a null."""
        content, offsets = bytes_of(texts)
        places = np.flatnonzero(are_among(content, self.values))
        found = np.diff(np.searchsorted(places, offsets)) > 0
        return pa.array(found, mask=np.asarray(texts.is_null()))


def first_bytes(characters: str) -> AnyByte:
    """Return a match of all texts with one of some characters, and of few others."""
    return AnyByte(bytes({character.encode()[0] for character in characters}))


def are_among(content: npt.NDArray[np.uint8], values: bytes) -> npt.NDArray[np.bool_]:
    """Tell which bytes are among some values. Each run of successive values takes another pass."""
    found = np.zeros(len(content), np.bool_)
    codes = np.unique(np.frombuffer(values, np.uint8))
    for run in np.split(codes, np.flatnonzero(np.diff(codes) > 1) + 1):
        found |= content - run[0] <= run[-1] - run[0]  # codes below the run become high ones
    return found


def bytes_of(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Indices]:
    """Return the bytes of all texts in UTF-8, and the offsets of texts into them.

    Args:
        texts: Large strings.
    """
    _, offsets, content = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset :][: len(texts) + 1]
    return np.frombuffer(content or b"", np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]


def matching(texts: pa.Array, *patterns: str | AnyByte) -> Indices:
    """Return the indices of the texts in which regular expressions of RE2 are found, ascending.

    RE2 reads some hundred megabytes a second without Python's lock. A null never matches.

    Args:
        texts: The texts.
        patterns: Regular expressions or sets of bytes, all of which must be found. Each is
            searched only in texts that have the ones before it, so the fastest ought to be first.
    """
    if texts.null_count == len(texts):
        # Compiling a regular expression takes longer than searching some texts.
        return np.empty(0, np.int64)
    first, *others = patterns
    found = (
        first.match(texts) if isinstance(first, AnyByte) else pc.match_substring_regex(texts, first)
    )
    indices: Indices = pc.indices_nonzero(found).to_numpy().astype(np.int64)
    if others:
        indices = indices[matching(texts.take(pa.array(indices)), *others)]
    return indices


def covered(texts: pa.Array, pattern: str) -> Iterator[list[int]]:
    """Yield for each text the indices of all characters that a regular expression of RE2 matches.

    So it yields every index at which a match can begin, also that of one that overlaps with
    another.

    Args:
        texts: The texts, none of which has U+0000 or is null.
        pattern: The regular expression.
    """
    marked = pc.replace_substring_regex(texts, pattern, "\0\\0\0")
    for text in marked.to_pylist():
        indices: list[int] = []
        end = 0
        for number, part in enumerate(text.split("\0")):
            begin, end = end, end + len(part)
            if number % 2:
                indices += range(begin, end)
        yield indices


def replaced(texts: pa.Array, indices: Indices, values: pa.Array | Sequence[str]) -> pa.Array:
    """Return the texts with some of them replaced.

    Args:
        texts: The texts.
        indices: Indices of the texts to replace, ascending.
        values: A new text for each index.
    """
    if not len(indices):
        return texts
    chosen = np.zeros(len(texts), dtype=bool)
    chosen[indices] = True
    if not isinstance(values, pa.Array):
        values = pa.array(values, texts.type)
    return pc.replace_with_mask(texts, pa.array(chosen), values)


def changed(texts: pa.Array, pattern: str, change: Callable[[str], str]) -> pa.Array:
    """Return texts of which some are changed.

    Args:
        texts: The texts.
        pattern: A regular expression of RE2; texts in which it isn't found stay as they are.
        change: Returns what becomes of one of the other texts.
    """
    indices = matching(texts, pattern)
    return replaced(
        texts, indices, [change(text) for text in texts.take(pa.array(indices)).to_pylist()]
    )


def as_lists(values: pa.Array, lengths: pa.Array, kind: pa.LargeListType) -> pa.Array:
    """Return lists of the values, one after another; null where a list is empty.

    Args:
        values: The values.
        lengths: Number of values of each list; it may be null for none.
        kind: The type of the result.
    """
    numbers = np.asarray(pc.fill_null(lengths, 0))
    offsets = pa.array(np.concatenate(([0], np.cumsum(numbers))), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, values, type=kind, mask=pa.array(numbers == 0))
