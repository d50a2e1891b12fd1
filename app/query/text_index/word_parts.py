"""The parts of words that an index has, in a file beside it, so that most indexes stay closed.

Opening an index takes longer than to look into it, and most indexes have none of a rare word. The
parts are all runs of `_PART_BYTES` bytes of the words, with a byte before each word and one after
it. They are kept as a Bloom filter in blocks: a part chooses a block, and some bits in it. If one
of the bits isn't set, no word has the part; if all are, a word may have it.

Blocks: Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007. The hash
is the finalizer of SplitMix64: https://prng.di.unimi.it/splitmix64.c
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.query.text_index.words import Word

BEFORE, AFTER = "\x01", "\x02"
"""What stands before a word and after it, and in no word."""

_PART_BYTES: Final = 5
"""Parts of fewer bytes are in nearly every index; words with fewer have no part."""
_BITS_OF_PART: Final = 6
_BLOCK_BYTES: Final = 64
_BLOCK_BITS: Final = 8 * _BLOCK_BYTES
_BITS_PER_PART: Final = 12
"""Bits of the filter for each part: about one part in 200 that no word has seems to be there."""
_MOST_PARTS: Final = 2_000_000
"""The parts of a filter that takes 3 MB. Words of languages have fewer, and hashes have more."""
_RUNS_AT_ONCE: Final = 100_000
_GOLDEN: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a word that is searched for.

    Attributes:
        number: Chooses the block, modulo the number of blocks.
        bits: The bits of the block that are set if a word may have the part, as a number.
    """

    number: int
    bits: int


def parts_of(words: Iterable[Word]) -> list[Part]:
    """Return the parts that the words of an index must have, so that one may have all of `words`.

    Args:
        words: The words that are searched for.
    """
    texts = (
        f"{BEFORE if word.begins else ''}{word.text}{AFTER if word.ends else ''}" for word in words
    )
    runs = [_runs_of(text.encode()) for text in texts]
    blocks, bits = _places_of(np.unique(np.concatenate([_runs_of(b""), *runs])))
    return [
        Part(number, sum(1 << bit for bit in {*of_part}))
        for number, of_part in zip(blocks.tolist(), bits.T.tolist(), strict=True)
    ]


def filter_of(pieces: Iterable[str]) -> bytes:
    """Return the filter of the parts of some words; an empty one for more than `_MOST_PARTS`.

    Args:
        pieces: Texts of several words, one after the other, each with what stands before it and
            after it. Only one of the texts is in memory at a time.
    """
    runs = _runs_of(b"")
    for piece in pieces:
        runs = np.union1d(runs, _runs_of(piece.encode()))
        if len(runs) > _MOST_PARTS:
            return b""
    number = max(1, len(runs) * _BITS_PER_PART // _BLOCK_BITS)
    is_set = np.zeros(number * _BLOCK_BITS, np.bool_)
    for start in range(0, len(runs), _RUNS_AT_ONCE):
        blocks, bits = _places_of(runs[start : start + _RUNS_AT_ONCE])
        is_set[(blocks % np.uint64(number)) * np.uint64(_BLOCK_BITS) + bits] = True
    return np.packbits(is_set, bitorder="little").tobytes()


def may_have(path: Path | str, parts: Sequence[Part]) -> bool:
    """Tell whether the words of an index may have some parts; also if no filter can be read.

    Args:
        path: The filter of the index.
        parts: The parts.
    """
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            number = os.fstat(descriptor).st_size // _BLOCK_BYTES
            return not number or all(_is_set(descriptor, number, part) for part in parts)
        finally:
            os.close(descriptor)
    return True


def _is_set(descriptor: int, number: int, part: Part) -> bool:
    block = os.pread(descriptor, _BLOCK_BYTES, part.number % number * _BLOCK_BYTES)
    return not part.bits & ~int.from_bytes(block, "little")


def _runs_of(text: bytes) -> NDArray[np.uint64]:
    """Return the runs of bytes within words, as numbers."""
    characters = np.frombuffer(text, np.uint8).astype(np.uint64)
    number = max(0, len(text) - _PART_BYTES + 1)
    runs = np.zeros(number, np.uint64)
    is_within = np.ones(number, np.bool_)
    for place in range(_PART_BYTES):
        of_place = characters[place : place + number]
        runs = runs << np.uint64(8) | of_place
        if place:
            # Another word begins here.
            is_within &= of_place != ord(BEFORE)
    return runs[is_within]


def _places_of(runs: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return what chooses the block of each run, and a row for each of the bits in it."""
    numbers = _mixed(runs)
    shifts = np.arange(_BITS_OF_PART, dtype=np.uint64)[:, None] * np.uint64(9)
    return numbers, (_mixed(numbers) >> shifts) % np.uint64(_BLOCK_BITS)


def _mixed(numbers: NDArray[Any]) -> NDArray[np.uint64]:
    mixed = numbers.astype(np.uint64) + np.uint64(_GOLDEN)
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return mixed ^ mixed >> np.uint64(31)
