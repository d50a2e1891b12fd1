"""Groups of conversations whose first prompts are alike, so that splits keep them together."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.curating.arrays import Ints, one_array, to_numpy
from app.curation.rules.curating.candidates import components, find_candidates
from app.curation.rules.curating.likeness import Said, containment, texts_said
from app.curation.rules.curating.neighbours import Neighbours
from app.curation.rules.curating.prompts import first_prompts
from app.curation.rules.curating.reading import read_candidates
from app.curation.rules.curating.words import words_of
from app.curation.rules.interface import TextReader
from catalog.stages import COMPUTED_STAGES, PROMPT_GROUP

GROUPS_SCHEMA: Final = pa.schema(
    [
        COMPUTED_STAGES["curated"].arrow_schema.field(name)
        for name in ("contribution_id", "received_at", PROMPT_GROUP)
    ]
)


def prompt_groups(facts: pa.Table, read_texts: TextReader, min_similarity: float) -> pa.Table:
    """Return the rows whose first prompt is a near duplicate of an earlier one, with its group.

    Prompts are alike as those of near duplicates are, and those that are connected through others
    are of one group. The group is the hash of the prompt that came first. So rows with one prompt
    have the same group, and a group changes only when a later prompt connects it with another.

    Args:
        facts: Rows, with the columns `contribution_id`, `received_at`, `signals` and `prompt`.
        read_texts: Reads conversations: one of each prompt that may be alike another.
        min_similarity: The least similarity of prompts that are alike.

    Returns:
        A table of `GROUPS_SCHEMA` in the order of receipt, without the rows whose group is their
        own prompt's hash.

    Raises:
        TextsMissing: Conversations weren't found.
    """
    facts = facts.sort_by([("received_at", "ascending"), ("contribution_id", "ascending")])
    hashes = to_numpy(pc.struct_field(one_array(facts.column("prompt")), "hash"))
    _, first, numbers = np.unique(hashes, return_index=True, return_inverse=True)
    # Distinct prompts in the order in which they came.
    order = np.argsort(first)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    distinct = facts.take(pa.array(first[order]))
    earliest = _earliest_alike(distinct, read_texts, min_similarity)
    groups = hashes[first[order]][earliest][places[numbers]]
    others = pa.array(np.flatnonzero(groups != hashes))
    found = facts.select(["contribution_id", "received_at"]).take(others)
    return found.append_column(PROMPT_GROUP, pa.array(groups).take(others)).cast(GROUPS_SCHEMA)


def _earliest_alike(facts: pa.Table, read_texts: TextReader, min_similarity: float) -> Ints:
    """Return the index of the first prompt of the group of each of some distinct prompts."""
    candidates = find_candidates(pc.struct_field(one_array(facts.column("prompt")), "bands"))
    words = to_numpy(pc.struct_field(one_array(facts.column("signals")), "words"))
    ids = one_array(facts.column("contribution_id"))
    pairs: list[tuple[int, int]] = []
    known, neighbours, group = list[tuple[int, Said]](), Neighbours(sets=1), -1
    for read in read_candidates(candidates, ids, words, read_texts, _said):
        if read.group != group:
            known, neighbours, group = [], Neighbours(sets=1), read.group
        buckets = [*read.buckets, read.text.words]
        for place in neighbours.likeliest([read.text.shingles], buckets):
            row, text = known[place]
            if containment(read.text.words, text.words, min_similarity) >= min_similarity:
                pairs.append((row, read.row))
        known.append((read.row, read.text))
        neighbours.add([read.text.shingles], buckets)
    ends = np.array(pairs, np.int64).reshape(-1, 2).T
    labels = components(ends[0], ends[1], facts.num_rows)
    _, first, groups = np.unique(labels, return_index=True, return_inverse=True)
    earliest: Ints = first[groups]
    return earliest


def _said(conversations: pa.Array) -> list[Said]:
    return texts_said(words_of(pa.array(first_prompts(conversations), pa.large_string())))
