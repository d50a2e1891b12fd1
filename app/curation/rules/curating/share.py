"""Caps the shares of contributors, networks and bursts, so that nobody trains a model by flooding.

A cap holds for the rows that are left when all caps are met. Which rows of a group stay is drawn by
the random end of their ids, which the service makes: whoever floods can't choose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.curating.arrays import Ints, codes_of, one_array, to_numpy
from app.curation.rules.curating.parameters import CuratingParameters

Share = Literal["contributor_share", "network_share", "burst_share"]
SHARES: Final[tuple[Share, ...]] = get_args(Share)
"""The reasons for which rows beyond a share are dropped, in the order of the rules."""
SHARED_BY: Final = ("contribution_id", "received_at", "source", "contributor_id")
"""The columns by which rows belong to groups."""

BURST_GAP_S: Final = 5
"""Anonymous rows of a source are of one burst if each came at most this long after the last."""
BURST_S: Final = 3_600
"""Length of the parts of time in which strangers may have a share together."""
_MICROSECONDS: Final = 1_000_000
_RANDOM_CHARACTERS: Final = 12
"""Digits at the end of an id that are random (RFC 9562, section 5.7)."""
_NO_GROUP: Final = -1


@dataclass(frozen=True, slots=True)
class _Cap:
    """A cap on the rows of a group.

    Attributes:
        groups: The number of each row's group, in the order in which rows are kept; `_NO_GROUP` for
            rows that aren't capped.
        max_share: The greatest share of the rows that are left, from 0 to 1.
        min_rows: Number of rows that a group may have whatever its share is.
    """

    groups: Ints
    max_share: float
    min_rows: int


def over_shares(facts: pa.Table, networks: pa.Table, parameters: CuratingParameters) -> pa.Array:
    """Return why each row exceeds a share; null for rows that stay.

    Args:
        facts: Rows in the order of receipt, with the columns `SHARED_BY`.
        networks: From which network contributors sent, a table of `NETWORKS_SCHEMA`.
        parameters: The shares.
    """
    ends = pc.utf8_slice_codeunits(facts.column("contribution_id"), -_RANDOM_CHARACTERS)
    sample = to_numpy(pc.array_sort_indices(one_array(ends))).astype(np.int64)
    networks_of_rows = networks_of(facts, networks)
    caps: dict[Share, _Cap] = {
        "contributor_share": _Cap(
            contributors_of(facts)[sample],
            parameters.max_contributor_share,
            parameters.min_contributor_rows,
        ),
        "network_share": _Cap(
            networks_of_rows[sample], parameters.max_network_share, parameters.min_network_rows
        ),
        "burst_share": _Cap(
            bursts_of(facts, networks_of_rows)[sample],
            parameters.max_burst_share,
            parameters.min_burst_rows,
        ),
    }
    reasons = np.full(facts.num_rows, None, object)
    for reason, places in _beyond(caps, facts.num_rows).items():
        reasons[sample[places]] = reason
    return pa.array(reasons.tolist(), pa.large_string())


def _beyond(caps: Mapping[Share, _Cap], number: int) -> dict[Share, Ints]:
    """Return the places of the rows beyond each cap.

    Rows that one cap drops make the others tighter, so all are applied until none drops a row.
    """
    is_left = np.ones(number, np.bool_)
    dropped: dict[Share, list[Ints]] = {reason: [] for reason in caps}
    left = number + 1
    while is_left.sum() < left:
        left = int(is_left.sum())
        for reason, cap in caps.items():
            places = np.flatnonzero(is_left)
            over = places[over_share(cap.groups[places], cap.max_share, cap.min_rows)]
            dropped[reason].append(over)
            is_left[over] = False
    return {reason: np.concatenate(parts) for reason, parts in dropped.items()}


def networks_of(facts: pa.Table, networks: pa.Table) -> Ints:
    """Return a number for the network that each row's contributor sent from on its day.

    It is `_NO_GROUP` where none is known: of anonymous rows, and of those that came with an API
    key. Names of networks are other ones on each day.
    """
    days = pa.chunked_array([one_array(facts.column("received_at")).cast(pa.date32())])
    asked = pa.table({"day": days, "contributor_id": facts.column("contributor_id")})
    asked = asked.append_column("place", pa.array(np.arange(facts.num_rows)))
    found = asked.join(networks, ["day", "contributor_id"]).sort_by("place")
    days, space = found["day"].cast(pa.large_string()), pa.scalar(" ", pa.large_string())
    named = pc.binary_join_element_wise(days, found["network"], space)
    return codes_of(named)


def bursts_of(facts: pa.Table, networks: Ints) -> Ints:
    """Return a number for the hour in which each row came from a stranger.

    Strangers are anonymous, or have a network. What comes with an API key, or came before networks
    were known, has `_NO_GROUP`.
    """
    is_anonymous = to_numpy(pc.is_null(one_array(facts.column("contributor_id"))))
    times = to_numpy(one_array(facts.column("received_at")).cast(pa.int64()))
    hours = times // (BURST_S * _MICROSECONDS)
    bursts: Ints = np.where(is_anonymous | (networks >= 0), hours, _NO_GROUP)
    return bursts


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
        contributors: A number for the contributor of each row, in the order in which rows are kept;
            negative for rows that aren't capped, which count among all.
        max_share: The greatest share of the remaining rows, from 0 to 1.
        min_rows: Number of rows that a contributor may have whatever their share is.
    """
    uncapped = contributors < 0
    above = contributors.max(initial=0) + 1
    contributors = np.where(uncapped, above + np.cumsum(uncapped), contributors)
    _, codes, counts = np.unique(contributors, return_inverse=True, return_counts=True)
    max_rows = _max_rows(counts, max_share, min_rows)
    return np.flatnonzero((_places_within(codes) >= max_rows) & ~uncapped)


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
