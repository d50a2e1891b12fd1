"""Reads the texts of candidates group by group, in bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Generic, TypeVar

import numpy as np
import pyarrow as pa

from app.curation.errors import TextsMissing
from app.curation.rules.curating.arrays import Ints, one_array
from app.curation.rules.curating.candidates import Candidates
from app.curation.rules.interface import TextReader

Text = TypeVar("Text")

CHUNK_WORDS: Final = 1 << 25
"""Words of candidates that are read at a time: their shingles take 256 MiB."""


@dataclass(frozen=True, slots=True)
class CandidateText(Generic[Text]):
    """A candidate with what is compared of it.

    Attributes:
        row: Index of its row.
        group: Number of its group.
        buckets: Numbers of its buckets.
        text: What is compared.
    """

    row: int
    group: int
    buckets: list[int]
    text: Text


def read_candidates(
    candidates: Candidates,
    ids: pa.Array,
    words: Ints,
    read_texts: TextReader,
    texts_of: Callable[[pa.Array], list[Text]],
) -> Iterator[CandidateText[Text]]:
    """Yield the candidates with their texts, in their order. A chunk of them is in memory.

    Args:
        candidates: The candidates among rows.
        ids: The contribution_id of every row.
        words: Number of words of every row.
        read_texts: Reads conversations.
        texts_of: Returns what is compared of each of some conversations.

    Raises:
        TextsMissing: Texts of candidates weren't found.
    """
    bounds = pairwise(candidates.offsets.tolist())
    for start, end in _chunks(words[candidates.rows]):
        rows, groups = candidates.rows[start:end], candidates.groups[start:end]
        texts = _read(ids.take(pa.array(rows)), read_texts, texts_of)
        for row, group, text in zip(rows.tolist(), groups.tolist(), texts, strict=True):
            first, last = next(bounds)
            yield CandidateText(row, group, candidates.buckets[first:last].tolist(), text)


def _chunks(words: Ints) -> Iterator[tuple[int, int]]:
    """Return where chunks of about `CHUNK_WORDS` begin and end, as indices of candidates."""
    chunk_of = np.cumsum(words) // CHUNK_WORDS
    bounds = [0, *(np.flatnonzero(np.diff(chunk_of)) + 1).tolist(), len(words)]
    return (bounds_of for bounds_of in pairwise(bounds) if bounds_of[0] < bounds_of[1])


def _read(
    ids: pa.Array, read_texts: TextReader, texts_of: Callable[[pa.Array], list[Text]]
) -> list[Text]:
    """Return what is compared of each row with one of these ids, in the order of the ids."""
    wanted = ids.to_pylist()
    found: dict[str, Text] = {}
    for batch in read_texts(wanted):
        names = one_array(batch.column("contribution_id")).to_pylist()
        found.update(zip(names, texts_of(batch.column("conversation")), strict=True))
    if missing := [contribution_id for contribution_id in wanted if contribution_id not in found]:
        raise TextsMissing(missing)
    return [found[contribution_id] for contribution_id in wanted]
