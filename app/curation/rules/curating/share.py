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
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Hashes, Ints, to_numpy
from app.curation.rules.curating.ids import NOBODY, name_hashes
from app.curation.rules.curating.parameters import CuratingParameters

Share = Literal["contributor_share", "network_share", "burst_share"]
SHARES: Final[tuple[Share, ...]] = get_args(Share)
"""The reasons for which rows beyond a share are dropped, in the order of the rules."""

BURST_GAP_S: Final = 5
"""Anonymous rows of a source are of one burst if each came at most this long after the last."""
BURST_S: Final = 3_600
"""Length of the parts of time in which strangers may have a share together."""
_MICROSECONDS: Final = 1_000_000
_NO_GROUP: Final = -1


@dataclass(frozen=True, slots=True)
class SharedRows:
    """What tells the groups of rows, an element for each row in the order of receipt.

    Attributes:
        ends: The random ends of ids, which rows are sampled by.
        times: The times of receipt in microseconds.
        contributors: Hashes of contributor_ids; `NOBODY` for anonymous rows.
        sources: Hashes of the sources; `NOBODY` for rows without one.
        networks: Hashes of networks, as `network_hashes` returns them.
    """

    ends: Hashes
    times: Ints
    contributors: Ints
    sources: Ints
    networks: Ints


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


def over_shares(rows: SharedRows, parameters: CuratingParameters) -> NDArray[np.int8]:
    """Return for each row the place in `SHARES` of the share that it exceeds; -1 if it stays.

    Args:
        rows: Rows in the order of receipt.
        parameters: The shares.
    """
    sample = np.argsort(rows.ends, kind="stable")
    caps: dict[Share, _Cap] = {
        "contributor_share": _Cap(
            contributors_of(rows)[sample],
            parameters.max_contributor_share,
            parameters.min_contributor_rows,
        ),
        "network_share": _Cap(
            codes(rows.networks)[sample], parameters.max_network_share, parameters.min_network_rows
        ),
        "burst_share": _Cap(
            bursts_of(rows)[sample], parameters.max_burst_share, parameters.min_burst_rows
        ),
    }
    found = np.full(len(rows.times), -1, np.int8)
    for reason, places in _beyond(caps, len(sample)).items():
        found[sample[places]] = SHARES.index(reason)
    return found


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


def network_hashes(facts: pa.RecordBatch, networks: pa.Table) -> Ints:
    """Return a hash of the network that each row's contributor sent from on its day.

    It is `NOBODY` where none is known: of anonymous rows, and of those that came with an API key.
    Names of networks are other ones on each day.

    Args:
        facts: Rows with the columns `received_at` and `contributor_id`.
        networks: From which network contributors sent, a table of `NETWORKS_SCHEMA`.
    """
    found = np.full(facts.num_rows, NOBODY, np.int64)
    if not networks.num_rows:
        return found
    days = facts.column("received_at").cast(pa.date32())
    for day in days.unique():
        of_day = networks.filter(pc.equal(networks["day"], day))
        rows = np.flatnonzero(to_numpy(pc.equal(days, day)))
        names = facts.column("contributor_id").take(pa.array(rows))
        places = pc.index_in(names, of_day["contributor_id"].combine_chunks(), skip_nulls=True)
        sent_from = of_day["network"].combine_chunks().take(places)
        text = pa.scalar(f"{day.as_py()} ", pa.large_string())
        nothing = pa.scalar("", pa.large_string())
        found[rows] = name_hashes(pc.binary_join_element_wise(text, sent_from, nothing))
    return found


def bursts_of(rows: SharedRows) -> Ints:
    """Return a number for the hour in which each row came from a stranger.

    Strangers are anonymous, or have a network. What comes with an API key, or came before networks
    were known, has `_NO_GROUP`.
    """
    hours = rows.times // (BURST_S * _MICROSECONDS)
    hours -= hours.min(initial=0)
    is_stranger = (rows.contributors == NOBODY) | (rows.networks != NOBODY)
    bursts: Ints = np.where(is_stranger, hours, _NO_GROUP)
    return bursts


def contributors_of(rows: SharedRows) -> Ints:
    """Return a number for the contributor of each row.

    Rows of a named contributor have the same number. Anonymous rows have the same one if they are
    of a burst: they have the same source, and none came more than `BURST_GAP_S` after the one
    before it. So an upload without a name counts as one contributor.
    """
    named = codes(rows.contributors)
    anonymous = np.flatnonzero(named < 0)
    by_source = anonymous[np.argsort(rows.sources[anonymous], kind="stable")]
    sources, times = rows.sources[by_source], rows.times[by_source]
    is_first = np.ones(len(by_source), np.bool_)
    is_first[1:] = sources[1:] != sources[:-1]
    is_late = np.diff(times, prepend=0) > BURST_GAP_S * _MICROSECONDS
    named[by_source] = named.max(initial=-1) + np.cumsum(is_first | is_late)
    return named


def codes(hashes: Ints) -> Ints:
    """Return a number from 0 on for each distinct hash, and `_NO_GROUP` for `NOBODY`."""
    found = np.full(len(hashes), _NO_GROUP, np.int64)
    somebody = np.flatnonzero(hashes != NOBODY)
    found[somebody] = np.unique(hashes[somebody], return_inverse=True)[1]
    return found


def over_share(contributors: Ints, max_share: float, min_rows: int) -> Ints:
    """Return the indices of the rows that exceed their contributor's share, ascending.

    Args:
        contributors: A number from 0 on for the contributor of each row, in the order in which rows
            are kept; negative for rows that aren't capped, which count among all.
        max_share: The greatest share of the remaining rows, from 0 to 1.
        min_rows: Number of rows that a contributor may have whatever their share is.
    """
    capped = np.flatnonzero(contributors >= 0)
    of_capped = contributors[capped]
    counts = np.bincount(of_capped)
    max_rows = _max_rows(counts, len(contributors) - len(capped), max_share, min_rows)
    is_large = np.flatnonzero((counts > max_rows)[of_capped])
    return capped[is_large[_places_within(of_capped[is_large]) >= max_rows]]


def _max_rows(counts: Ints, uncapped: int, max_share: float, min_rows: int) -> int:
    """Return the number of rows that a contributor may have.

    It is the greatest number that is at most `max_share` of the rows that are left with it, or
    `min_rows`. The loop begins with the share of all rows, which is at least that number. Fewer
    rows are left with a smaller one, so each step lowers it but never below the result; it is
    reached when the rows that are left stay the same.

    Args:
        counts: Number of rows of each contributor that is capped.
        uncapped: Number of rows that aren't capped.
        max_share: The greatest share, from 0 to 1.
        min_rows: Number of rows that a contributor may have whatever their share is.
    """
    share = Fraction(str(max_share))
    total = int(counts.sum()) + uncapped
    while True:
        most = max(int(share * total), min_rows)
        left = int(np.minimum(counts, most).sum()) + uncapped * min(most, 1)
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
