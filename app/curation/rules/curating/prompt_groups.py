"""Groups of conversations whose first prompts are alike, so that splits keep them together."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.curating.arrays import Ints
from app.curation.rules.curating.duplicates.candidates import (
    BandReader,
    Candidates,
    components,
    find_candidates,
)
from app.curation.rules.curating.duplicates.likeness import Said, containment, texts_said
from app.curation.rules.curating.duplicates.neighbours import Neighbours
from app.curation.rules.curating.duplicates.outcomes import FoundPairs, find_in_groups
from app.curation.rules.curating.duplicates.reading import Comparison, Rows, read_candidates
from app.curation.rules.curating.facts import Facts
from app.curation.rules.curating.prompts import BANDS, first_prompts
from app.curation.rules.curating.words import words_of
from app.curation.rules.interface import NO_OUTCOMES, TextReader


@dataclass(frozen=True, slots=True)
class Prompts:
    """The first prompts of rows.

    Attributes:
        hashes: The hash of the prompt of every row.
        read_band: Reads a band of the prompt of every row.
        rows: The rows, in the order of receipt.
    """

    hashes: Ints
    read_band: BandReader
    rows: Rows


def prompts_of(facts: Facts, rows: Ints, read_texts: TextReader) -> Prompts:
    """Return the first prompts of some rows, which are in the order of receipt."""
    return Prompts(
        facts.numbers("prompt")[rows],
        facts.prompt_band_reader(rows),
        Rows(facts.ids()[rows], facts.numbers("words")[rows], read_texts),
    )


def prompt_groups(
    prompts: Prompts, min_similarity: float, known: pa.Table = NO_OUTCOMES
) -> tuple[Ints, pa.Table]:
    """Return the group of the first prompt of each row.

    Prompts are alike as those of near duplicates are, and those that are connected through others
    are of one group. The group is the hash of the prompt that came first. So rows with one prompt
    have the same group, and a group changes only when a later prompt connects it with another.

    Args:
        prompts: The prompts.
        min_similarity: The least similarity of prompts that are alike.
        known: What an earlier build found, a table of `OUTCOMES_SCHEMA`.

    Returns:
        The hash of the first prompt of the group of each row, and what was found now.

    Raises:
        TextsMissing: Conversations weren't found.
    """
    _, first, numbers = np.unique(prompts.hashes, return_index=True, return_inverse=True)
    # One row of each prompt, in the order in which the prompts came.
    distinct = np.sort(first)
    candidates = find_candidates(
        lambda band: prompts.read_band(band)[distinct], BANDS, len(distinct)
    )
    rows = replace(prompts.rows, ids=prompts.rows.ids[distinct], words=prompts.rows.words[distinct])

    def compare(chosen: Candidates) -> FoundPairs:
        return _earlier_alike(chosen, rows, min_similarity)

    found, outcomes = find_in_groups(candidates, rows.ids, known, compare)
    earliest = np.arange(len(distinct))
    earliest[found.rows] = found.others
    of_distinct = prompts.hashes[distinct[earliest]]
    groups: Ints = of_distinct[np.searchsorted(distinct, first)][numbers]
    return groups, outcomes


def _earlier_alike(candidates: Candidates, rows: Rows, min_similarity: float) -> FoundPairs:
    """Return the candidates whose group has an earlier prompt, each with the first one."""
    pairs: list[tuple[int, int]] = []
    known, neighbours, group = list[tuple[int, Said]](), Neighbours(sets=1), -1
    for read in read_candidates(candidates, rows, _FIRST_PROMPTS):
        if read.group != group:
            known, neighbours, group = [], Neighbours(sets=1), read.group
        buckets = [*read.buckets, read.text.words]
        for place in neighbours.likeliest([read.text.shingles], buckets):
            row, text = known[place]
            if containment(read.text.words, text.words, min_similarity) >= min_similarity:
                pairs.append((row, read.row))
        known.append((read.row, read.text))
        neighbours.add([read.text.shingles], buckets)
    alike, ends = np.unique(np.array(pairs, np.int64).reshape(-1, 2).T, return_inverse=True)
    earlier, later = ends.reshape(2, -1)
    labels = components(earlier, later, len(alike))
    _, first, of_alike = np.unique(labels, return_index=True, return_inverse=True)
    earliest = alike[first[of_alike]]
    is_first = earliest == alike
    return FoundPairs(alike[~is_first], earliest[~is_first], np.ones(np.count_nonzero(~is_first)))


def _said(conversations: pa.Array) -> list[Said]:
    return texts_said(words_of(pa.array(first_prompts(conversations), pa.large_string())))


_FIRST_PROMPTS: Final = Comparison(_said, "prompt", lambda prompt: pc.struct_field(prompt, "bands"))
