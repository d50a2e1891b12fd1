"""What was found when the candidates of a group were compared, kept for the next build.

What is found in a group follows from its candidates alone: from their texts, their bands and the
order of their commits. So a group of the same candidates needn't be compared again. A group is
known by a digest of the ids of its candidates, and candidates by their places in the group: so no
id and no text is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Ints, to_numpy
from app.curation.rules.curating.duplicates.candidates import Candidates
from app.curation.rules.curating.shingles import mixed
from app.curation.rules.interface import OUTCOMES_SCHEMA

_DIGEST: Final = OUTCOMES_SCHEMA.field("group").type


@dataclass(frozen=True, slots=True)
class FoundPairs:
    """Pairs of rows that were found in groups of candidates.

    Attributes:
        rows: Index of the later row of each pair.
        others: Index of the earlier row.
        measures: A value of each pair.
    """

    rows: Ints
    others: Ints
    measures: NDArray[np.float64]


def find_in_groups(
    candidates: Candidates,
    keys: NDArray[np.uint64],
    known: pa.Table,
    compare: Callable[[Candidates], FoundPairs],
) -> tuple[FoundPairs, pa.Table]:
    """Return what is found in all groups, comparing only the groups that aren't known.

    Args:
        candidates: The candidates.
        keys: 128 bits that tell every row and its place in the order of rows, such as its id, as an
            array of rows by two.
        known: What is known of groups, a table of `OUTCOMES_SCHEMA`.
        compare: Compares the candidates of whole groups, and returns pairs of one group each.

    Returns:
        The pairs, and what is known of these groups now, a table of `OUTCOMES_SCHEMA`.
    """
    starts = candidates.starts()
    digests = _digests(keys[candidates.rows], starts)
    sizes = np.diff(starts, append=len(candidates.rows))
    is_known = to_numpy(pc.is_in(digests, known["group"].combine_chunks()))
    outcomes = known.filter(pc.is_in(known["group"], digests))
    old = _pairs_of(outcomes, digests, candidates.rows, starts)
    new = compare(candidates.chosen(np.repeat(~is_known, sizes)))
    added = _outcomes_of(new, digests, candidates.rows, starts, np.flatnonzero(~is_known))
    found = FoundPairs(
        *(
            np.concatenate([getattr(part, name) for part in (old, new)])
            for name in ("rows", "others", "measures")
        )
    )
    return found, pa.concat_tables([outcomes, added])


def _digests(keys: NDArray[np.uint64], starts: Ints) -> pa.Array:
    """Return a digest of the keys of each group, whatever their order.

    Ids are made by the service and end randomly, so nobody chooses some whose sums are equal.
    """
    if not len(starts):
        return pa.array([], _DIGEST)
    lower = mixed(keys[:, 1] + mixed(keys[:, 0]))
    upper = mixed(lower + keys[:, 1])
    sums = np.stack([np.add.reduceat(half, starts) for half in (upper, lower)], axis=1)
    buffers = [None, pa.py_buffer(np.ascontiguousarray(sums).tobytes())]
    return pa.Array.from_buffers(_DIGEST, len(starts), buffers)


def _pairs_of(outcomes: pa.Table, digests: pa.Array, rows: Ints, starts: Ints) -> FoundPairs:
    """Return the pairs of rows that are known of groups."""
    pairs = outcomes.filter(pc.is_valid(outcomes["place"]))
    groups = to_numpy(pc.index_in(pairs["group"], digests).combine_chunks()).astype(np.int64)
    begins = starts[groups]
    later, earlier = (
        rows[begins + to_numpy(pairs[name].combine_chunks())] for name in ("place", "other")
    )
    return FoundPairs(later, earlier, to_numpy(pairs["measure"].combine_chunks()))


def _outcomes_of(
    found: FoundPairs, digests: pa.Array, rows: Ints, starts: Ints, groups: Ints
) -> pa.Table:
    """Return what is to be known of groups, given the pairs that were found in them.

    Args:
        found: The pairs.
        digests: The digests of all groups.
        rows: The rows of all candidates.
        starts: The first candidate of each group.
        groups: The numbers of the groups that were compared.
    """
    by_row = np.argsort(rows)
    later, earlier = (
        by_row[np.searchsorted(rows, pair, sorter=by_row)] for pair in (found.rows, found.others)
    )
    of_pairs = np.searchsorted(starts, later, "right") - 1
    begins = starts[of_pairs]
    empty = np.setdiff1d(groups, of_pairs)
    nothing = pa.nulls(len(empty))
    columns = {
        "group": digests.take(pa.array(np.concatenate([of_pairs, empty]))),
        "place": pa.chunked_array([pa.array(later - begins), nothing.cast(pa.int64())]),
        "other": pa.chunked_array([pa.array(earlier - begins), nothing.cast(pa.int64())]),
        "measure": pa.chunked_array([pa.array(found.measures), nothing.cast(pa.float64())]),
    }
    return pa.table(columns, OUTCOMES_SCHEMA)
