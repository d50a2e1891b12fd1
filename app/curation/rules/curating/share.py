"""Caps the share of one contributor, so that no model is trained mostly on their conversations."""

from fractions import Fraction
from typing import Final

import numpy as np
import pyarrow as pa

from app.curation.rules.curating.arrays import Ints, codes_of, one_array, to_numpy

BURST_GAP_S: Final = 5
"""Anonymous rows of a source are of one burst if each came at most this long after the last."""
_MICROSECONDS: Final = 1_000_000


def contributors_of(facts: pa.Table) -> Ints:
    """Return a number for the contributor of each row.

    Rows of a named contributor have the same number. Anonymous rows have the same one if they are
    of a burst: they have the same source, and none came more than `BURST_GAP_S` after the one
    before it. So an upload without a name counts as one contributor.

    Args:
        facts: Rows in the order of receipt, with the columns `contributor_id`, `source` and
            `received_at`.
    """
    named, sources = (codes_of(facts.column(name)) for name in ("contributor_id", "source"))
    times = to_numpy(one_array(facts.column("received_at")).cast(pa.int64()))
    anonymous = np.flatnonzero(named < 0)
    by_source = anonymous[np.argsort(sources[anonymous], kind="stable")]
    is_first = np.diff(sources[by_source], prepend=-2) != 0
    is_late = np.diff(times[by_source], prepend=0) > BURST_GAP_S * _MICROSECONDS
    named[by_source] = named.max(initial=-1) + np.cumsum(is_first | is_late)
    return named


def over_share(contributors: Ints, max_share: float, min_rows: int) -> Ints:
    """Return the indices of the rows that exceed their contributor's share, ascending.

    Args:
        contributors: A number for the contributor of each row, in the order in which rows are kept.
        max_share: The greatest share of the remaining rows, from 0 to 1.
        min_rows: Number of rows that a contributor may have whatever their share is.
    """
    _, codes, counts = np.unique(contributors, return_inverse=True, return_counts=True)
    max_rows = _max_rows(counts, max_share, min_rows)
    return np.flatnonzero(_places_within(codes) >= max_rows)


def _max_rows(counts: Ints, max_share: float, min_rows: int) -> int:
    """Return the number of rows that a contributor may have.

    It is the greatest number that is at most `max_share` of the rows that are left with it, or
    `min_rows`. The loop begins with the share of all rows, which is at least that number. Fewer
    rows are left with a smaller one, so each step lowers it but never below the result; it is
    reached when the rows that are left stay the same.

    Args:
        counts: Number of rows of each contributor.
        max_share: The greatest share, from 0 to 1.
        min_rows: Number of rows that a contributor may have whatever their share is.
    """
    share = Fraction(str(max_share))
    total = int(counts.sum())
    while True:
        most = max(int(share * total), min_rows)
        left = int(np.minimum(counts, most).sum())
        if left == total:
            return most
        total = left


def _places_within(codes: Ints) -> Ints:
    """Return the number of earlier rows of the same contributor for each row."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    within = np.empty(len(codes), np.int64)
    lengths = np.diff(begins, append=len(codes))
    within[order] = np.arange(len(codes)) - np.repeat(begins, lengths)
    return within
