"""Finds near duplicates among candidates, by how alike their texts are."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.curating.arrays import offsets_of, row_sums, to_numpy
from app.curation.rules.curating.duplicates.candidates import Candidates
from app.curation.rules.curating.duplicates.likeness import (
    Exchange,
    signs_in,
    similarity,
    texts_said,
    without_words,
)
from app.curation.rules.curating.duplicates.neighbours import Neighbours
from app.curation.rules.curating.duplicates.reading import Comparison, Rows, read_candidates
from app.curation.rules.curating.shingles import SIDES, Side, words_said
from app.curation.rules.curating.words import Turns, turns_of


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A row that is dropped as a near duplicate.

    Attributes:
        row: Index of the row.
        kept_row: Index of the row that is kept instead.
        similarity: How alike the two rows are, as `likeness.similarity` tells.
    """

    row: int
    kept_row: int
    similarity: float


def near_duplicates(
    candidates: Candidates, rows: Rows, threshold: float
) -> Iterator[NearDuplicate]:
    """Yield the rows that are near duplicates of a kept row.

    A row is compared with the kept rows before it that share a band with it, of many with those
    that `Neighbours` finds likeliest. It is dropped if one of them has a similarity of at least
    `threshold` with it. Memory holds the texts of a chunk of candidates, and of the kept rows of
    one group.

    Args:
        candidates: The candidates among the rows.
        rows: The rows, the first to be kept first.
        threshold: The least similarity of near duplicates, over 0 and up to 1.

    Raises:
        TextsMissing: Texts of candidates weren't found.
    """
    kept, group = _KeptRows(threshold), -1
    for read in read_candidates(candidates, rows, _EXCHANGES):
        if read.group != group:
            kept, group = _KeptRows(threshold), read.group
        found = kept.settle(read.row, read.text, read.buckets)
        if found is not None:
            yield found


def exchanges_of(conversations: pa.Array | pa.ChunkedArray) -> list[Exchange]:
    """Return what is said in each conversation."""
    turns = turns_of(conversations)
    prompts = texts_said(words_said(turns, "user"))
    by_assistant = to_numpy(pc.equal(turns.field("role"), "assistant"))
    answers = texts_said(turns.words_said.take(np.flatnonzero(by_assistant)))
    contents = turns.field("content").filter(pa.array(by_assistant))
    for place in (place for place, answer in enumerate(answers) if not answer.words):
        answers[place] = without_words(contents[place].as_py())
    bounds = pairwise(offsets_of(row_sums(by_assistant, turns.offsets)).tolist())
    signs = zip(*(_signs(turns, side) for side in SIDES), strict=True)
    return [
        Exchange(prompt, answers[begin:end], of_sides)
        for prompt, (begin, end), of_sides in zip(prompts, bounds, signs, strict=True)
    ]


_EXCHANGES: Final = Comparison(exchanges_of, "bands", lambda bands: bands)


def _signs(turns: Turns, side: Side) -> list[str]:
    """Return the signs that one side of each conversation says."""
    is_theirs = to_numpy(pc.equal(turns.field("role"), side))
    signs = signs_in(turns.field("content").filter(pa.array(is_theirs)).cast(pa.large_string()))
    offsets = pa.array(offsets_of(row_sums(is_theirs, turns.offsets)))
    by_conversation = pa.LargeListArray.from_arrays(offsets, signs)
    joined: list[str] = pc.binary_join(by_conversation, pa.scalar("", signs.type)).to_pylist()
    return joined


class _KeptRows:
    """The kept rows of a group of candidates."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._kept: list[tuple[int, Exchange]] = []
        self._neighbours = Neighbours(sets=2)

    def settle(
        self, row: int, exchange: Exchange, buckets: Sequence[Hashable]
    ) -> NearDuplicate | None:
        """Keep a row, or return that it is dropped as alike a kept one."""
        sets = exchange.sets()
        # Rows that say the same words are in a bucket of their own, which is small.
        shared = [*buckets, (exchange.prompt.words, exchange.answered())]
        for place in self._neighbours.likeliest(sets, shared):
            kept_row, kept = self._kept[place]
            found = similarity(exchange, kept, self._threshold)
            if found >= self._threshold:
                return NearDuplicate(row, kept_row, found)
        self._kept.append((row, exchange))
        self._neighbours.add(sets, shared)
        return None
