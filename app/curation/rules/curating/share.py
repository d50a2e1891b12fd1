"""The cap on one contributor's share, so that no one's conversations are most of what is learnt."""

from fractions import Fraction

import numpy as np
import pyarrow as pa

from app.curation.rules.curating.words import Ints, numpy


def over_share(contributors: pa.Array, max_share: float, min_rows: int) -> Ints:
    """Return the places of the rows that are more than their contributor's share, ascending.

    Args:
        contributors: The contributor of each row in order of preference; null for anonymous ones,
            who aren't one contributor.
        max_share: The greatest share of the rows that are left, from 0 to 1.
        min_rows: So many rows a contributor may have in any case.
    """
    codes = numpy(contributors.dictionary_encode().indices.fill_null(-1)).astype(np.int64)
    named = np.flatnonzero(codes >= 0)
    counts = np.bincount(codes[named])
    most = _most(counts, len(codes) - len(named), max_share, min_rows)
    return named[_places_within(codes[named]) >= most]


def _most(counts: Ints, anonymous: int, max_share: float, min_rows: int) -> int:
    """Return how many rows each contributor may have.

    It is the greatest number that is at most `max_share` of what is then left, or `min_rows`. Of
    all rows it is no less than that, and of what is left with it no less either: so each step goes
    down to the number or stays above it, and where nothing changes it is reached.
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
    """Return how many rows of the same contributor come before each row."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    within = np.empty(len(codes), np.int64)
    lengths = np.diff(begins, append=len(codes))
    within[order] = np.arange(len(codes)) - np.repeat(begins, lengths)
    return within
