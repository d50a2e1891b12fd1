"""Caps the share of one contributor, so that no model is trained mostly on their conversations."""

from fractions import Fraction

import numpy as np
import pyarrow as pa

from app.curation.rules.curating.arrays import Ints, to_numpy


def over_share(contributors: pa.Array, max_share: float, min_rows: int) -> Ints:
    """Return the indices of the rows that exceed their contributor's share, ascending.

    Args:
        contributors: The contributor of each row, in order of preference; null for an anonymous
            one, whose rows are never capped.
        max_share: The greatest share of the remaining rows, from 0 to 1.
        min_rows: Number of rows that a contributor may have whatever their share is.
    """
    codes = to_numpy(contributors.dictionary_encode().indices.fill_null(-1)).astype(np.int64)
    named = np.flatnonzero(codes >= 0)
    counts = np.bincount(codes[named])
    max_rows = _max_rows(counts, len(codes) - len(named), max_share, min_rows)
    return named[_places_within(codes[named]) >= max_rows]


def _max_rows(counts: Ints, anonymous: int, max_share: float, min_rows: int) -> int:
    """Return the number of rows that a contributor may have.

    It is the greatest number that is at most `max_share` of the rows that are left with it, or
    `min_rows`. The loop begins with the share of all rows, which is at least that number. Fewer
    rows are left with a smaller one, so each step lowers it but never below the result; it is
    reached when the rows that are left stay the same.

    Args:
        counts: Number of rows of each named contributor.
        anonymous: Number of rows of anonymous contributors.
        max_share: The greatest share, from 0 to 1.
        min_rows: Number of rows that a contributor may have whatever their share is.
    """
    share = Fraction(str(max_share))
    total = anonymous + int(counts.sum())
    while True:
        most = max(int(share * total), min_rows)
        left = anonymous + int(np.minimum(counts, most).sum())
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
