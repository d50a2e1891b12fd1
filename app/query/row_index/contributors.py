"""The contributors of some rows, divided into buckets, as bytes.

A contributor is in the bucket that the first byte of its id names, and rows without a contributor
are in one of their own. So what is known of one contributor is found by reading one bucket, and
sums of all of them need one bucket in memory at a time.

A bucket is written as columns one after the other, in the order of the ids: the ids in 16 bytes
each, the numbers of contributions in 4 bytes and those of turns in 8, least significant byte first.

Of contributions that were replaced, a bucket has an entry for each, and a column with the commit
that replaced it. So what was replaced as of any snapshot can be summed, though a file of the table
`replaced` has rows of many commits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.query.counts.dimensions import columns_of
from catalog.reading.scan import NO_ROWS
from catalog.schema import CONVERSATION

CONTRIBUTOR: Final = "contributor_id"
CONTRIBUTOR_COLUMNS: Final = columns_of([CONTRIBUTOR])
"""The columns and fields of turns that rows need to be indexed."""
NO_CONTRIBUTOR: Final = 256
"""The bucket of the rows without a contributor."""
BUCKETS: Final = range(NO_CONTRIBUTOR + 1)
SUMS_SCHEMA: Final = pa.schema(
    [
        ("day", pa.date32()),
        (CONTRIBUTOR, pa.binary(16)),
        ("contributions", pa.int64()),
        ("turns", pa.int64()),
    ]
)
"""The sums of contributors. The day is null in sums of all days."""

_ID_BYTES: Final = 16
_IS_OWN_ID: Final = "^[0-9a-f]{32}$"
_ENDS: Final = (0, _ID_BYTES, _ID_BYTES + 4, _ID_BYTES + 4 + 8)
"""The bytes of an entry at which columns end."""
_ENTRY_BYTES: Final = _ENDS[-1]
_CONTRIBUTIONS, _TURNS, _POSITION = np.dtype("<u4"), np.dtype("<u8"), np.dtype("<u4")
_NUMBER: Final = np.dtype("<u8")
_NULL_ID: Final = bytes(_ID_BYTES)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What some rows have of the contributors of a bucket.

    Attributes:
        sums: The contributors, with their numbers of contributions and of turns.
        positions: The positions of the rows of one contributor after the other, in 4 bytes each;
            empty for rows without a contributor, and for what was replaced.
        commits: The sequence number of the commit that replaced each contribution, in 8 bytes;
            empty for rows of a data file.
    """

    sums: bytes
    positions: bytes = b""
    commits: bytes = b""


class Term(NamedTuple):
    """A summand of sums: what some rows have of the contributors of a bucket.

    Attributes:
        bucket: The bucket.
        sums: The contributors, as in `Bucket`.
        sign: 1 to add them, -1 to take them away.
        day: The day of the rows, in days since 1970; None for sums of all days.
        commits: As in `Bucket`, if contributions count only that commits up to `until` replaced.
        until: The sequence number of the last commit that counts.
    """

    bucket: int
    sums: bytes
    sign: int
    day: int | None = None
    commits: bytes = b""
    until: int = 0

    @property
    def has_none(self) -> bool:
        """Whether it is of rows without a contributor."""
        return self.bucket == NO_CONTRIBUTOR


def key_of(contributor_id: str) -> bytes | None:
    """Return a contributor_id as bytes; None if the service didn't make it."""
    if not pc.match_substring_regex(pa.array([contributor_id]), _IS_OWN_ID)[0].as_py():
        return None
    return bytes.fromhex(contributor_id)


def gather(batches: Iterable[pa.RecordBatch]) -> dict[int, Bucket] | None:
    """Return what rows have of each contributor, by buckets.

    Args:
        batches: Rows with `CONTRIBUTOR_COLUMNS`. Positions are counted from the first of them.

    Returns:
        The buckets that aren't empty; None if another engine has made a contributor_id, which may
        have any length.
    """
    rows = _rows_of(batches)
    if rows is None:
        return None
    keys, turns, is_known = rows
    buckets = _of_contributors(keys, turns[is_known], np.flatnonzero(is_known))
    unknown = turns[~is_known]
    if len(unknown):
        sums = _encoded(_NULL_ID, np.array([len(unknown)]), np.array([unknown.sum()]))
        buckets[NO_CONTRIBUTOR] = Bucket(sums)
    return buckets


def gather_replaced(
    batches: Iterable[pa.RecordBatch], numbers: NDArray[Any]
) -> dict[int, Bucket] | None:
    """Return contributions that were replaced, by the buckets of their contributors.

    Args:
        batches: The contributions, with `CONTRIBUTOR_COLUMNS`.
        numbers: The sequence number of the commit that replaced each of them.

    Returns:
        The buckets that aren't empty; None if another engine has made a contributor_id.
    """
    rows = _rows_of(batches)
    if rows is None:
        return None
    keys, turns, is_known = rows
    ids = np.zeros(len(turns), keys.dtype)
    ids[is_known] = keys
    names = ids.view(np.uint8)[::_ID_BYTES].astype(np.int64)
    names[~is_known] = NO_CONTRIBUTOR
    found = {}
    for bucket in np.unique(names).tolist():
        of_bucket = names == bucket
        found[bucket] = _replaced(ids[of_bucket], turns[of_bucket], numbers[of_bucket])
    return found


def merge(parts: Sequence[Bucket]) -> Bucket:
    """Return what several buckets have together of contributions that were replaced."""
    numbers = [len(part.sums) // _ENTRY_BYTES for part in parts]
    columns = [_column([part.sums for part in parts], numbers, *place) for place in pairwise(_ENDS)]
    ids = np.frombuffer(columns[0], f"V{_ID_BYTES}")
    commits = np.frombuffer(b"".join(part.commits for part in parts), _NUMBER)
    return _replaced(ids, np.frombuffer(columns[2], _TURNS), commits)


def _replaced(ids: NDArray[Any], turns: NDArray[Any], numbers: NDArray[Any]) -> Bucket:
    """Return the bucket of contributions that were replaced, always in the same order."""
    halves = _halves(ids)
    order = np.lexsort((turns, numbers, halves[:, 1], halves[:, 0]))
    ones = np.ones(len(order), np.int64)
    return Bucket(
        sums=_encoded(ids[order].tobytes(), ones, turns[order]),
        commits=numbers[order].astype(_NUMBER).tobytes(),
    )


def _rows_of(
    batches: Iterable[pa.RecordBatch],
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None:
    """Return the ids of contributors, turns, and which rows have a contributor.

    Args:
        batches: Rows with `CONTRIBUTOR_COLUMNS`.

    Returns:
        The ids, as bytes, of the rows that have one; the number of turns of each row; whether each
        row has a contributor. None if another engine has made an id.
    """
    columns = [
        (batch.column(CONTRIBUTOR), pc.list_value_length(batch.column(CONVERSATION)))
        for batch in batches
    ]
    ids = pa.chunked_array([each for each, _ in columns], pa.large_string())
    own = ids.drop_null()
    if pc.all(pc.match_substring_regex(own, _IS_OWN_ID), min_count=0).as_py() is False:
        return None
    turns = np.concatenate([np.empty(0, np.int64), *(each.to_numpy() for _, each in columns)])
    keys = np.frombuffer(bytes.fromhex("".join(own.to_pylist())), f"V{_ID_BYTES}")
    return keys, turns, ids.is_valid().to_numpy()


def _of_contributors(
    keys: NDArray[Any], turns: NDArray[Any], positions: NDArray[Any]
) -> dict[int, Bucket]:
    halves = _halves(keys)
    # It keeps the order of equal ones, so that the positions of a contributor ascend.
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    halves = halves[order]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (halves[1:] != halves[:-1]).any(axis=1)
    starts = np.flatnonzero(is_first)
    ends = np.append(starts[1:], len(order))
    sums = np.add.reduceat(turns[order], starts) if len(order) else turns
    in_order = keys[order[starts]]
    first_bytes = halves[starts, 0] >> 56
    bounds = np.searchsorted(first_bytes, np.arange(NO_CONTRIBUTOR + 1))
    found = {}
    for bucket in np.unique(first_bytes).tolist():
        of_bucket = slice(bounds[bucket], bounds[bucket + 1])
        rows = order[starts[of_bucket][0] : ends[of_bucket][-1]]
        found[bucket] = Bucket(
            _encoded(in_order[of_bucket].tobytes(), (ends - starts)[of_bucket], sums[of_bucket]),
            positions[rows].astype(_POSITION).tobytes(),
        )
    return found


def _halves(ids: NDArray[Any]) -> NDArray[np.uint64]:
    """Return ids as two numbers each, by which they can be sorted."""
    return np.ascontiguousarray(ids).view(">u8").reshape(-1, 2).astype(np.uint64)


def positions_in(bucket: Bucket, key: bytes) -> pa.Array:
    """Return the positions of a contributor's rows, ascending.

    Args:
        bucket: The bucket that the contributor is in.
        key: The contributor, as `key_of` returns it.
    """
    number = len(bucket.sums) // _ENTRY_BYTES
    entry = _entry_of(bucket.sums[: number * _ID_BYTES], key)
    if entry is None:
        return NO_ROWS
    counts = np.frombuffer(bucket.sums, _CONTRIBUTIONS, number, number * _ID_BYTES)
    start = counts[:entry].sum(dtype=np.int64)
    positions = np.frombuffer(bucket.positions, _POSITION)
    return pa.array(positions[start : start + counts[entry]].astype(np.int64))


def _entry_of(keys: bytes, key: bytes) -> int | None:
    place = keys.find(key)
    # The bytes of a key may also be the end of one and the start of the next.
    while place % _ID_BYTES and place >= 0:
        place = keys.find(key, place + 1)
    return place // _ID_BYTES if place >= 0 else None


def summed(terms: Sequence[Term]) -> pa.Table:
    """Return the sum of some terms, in no order.

    Args:
        terms: The terms, whose days are all known or all None.

    Returns:
        A table with `SUMS_SCHEMA`, without contributors of whom no contribution is left.
    """
    # Only of what was replaced, commits have to be compared.
    limited = [term for term in terms if term.commits]
    others = [term for term in terms if not term.commits]
    entries = pa.concat_tables([_decoded(others), _decoded(limited).filter(_counting(limited))])
    by_day = bool(terms) and terms[0].day is not None
    sums = entries.group_by(
        ["day", CONTRIBUTOR] if by_day else [CONTRIBUTOR], use_threads=False
    ).aggregate([("contributions", "sum"), ("turns", "sum")])
    columns = [*sums.columns] if by_day else [pa.nulls(sums.num_rows, pa.date32()), *sums.columns]
    sums = pa.table(columns, schema=SUMS_SCHEMA)
    return sums.filter(pc.not_equal(sums["contributions"], 0))


def encode(sums: pa.Table) -> bytes:
    """Return sums of all days of the contributors of a bucket, as `Bucket` has them."""
    in_order = sums.sort_by(CONTRIBUTOR)
    ids = b"".join(each or _NULL_ID for each in in_order[CONTRIBUTOR].to_pylist())
    return _encoded(ids, in_order["contributions"].to_numpy(), in_order["turns"].to_numpy())


def _encoded(ids: bytes, contributions: NDArray[Any], turns: NDArray[Any]) -> bytes:
    return ids + contributions.astype(_CONTRIBUTIONS).tobytes() + turns.astype(_TURNS).tobytes()


def _decoded(terms: Sequence[Term]) -> pa.Table:
    numbers = [len(term.sums) // _ENTRY_BYTES for term in terms]
    sums = [term.sums for term in terms]
    columns = [_column(sums, numbers, *place) for place in pairwise(_ENDS)]
    signs = np.repeat(np.array([term.sign for term in terms], np.int64), numbers)
    contributions = np.frombuffer(columns[1], _CONTRIBUTIONS).astype(np.int64) * signs
    turns = np.frombuffer(columns[2], _TURNS).astype(np.int64) * signs
    total = sum(numbers)
    days: pa.Array = pa.nulls(total, pa.date32())
    if terms and terms[0].day is not None:
        repeated = np.repeat(np.array([term.day for term in terms], np.int32), numbers)
        days = pa.array(repeated).cast(pa.date32())
    is_known = np.repeat(np.array([not term.has_none for term in terms], np.bool_), numbers)
    ids = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(_ID_BYTES), total, [pa.array(is_known).buffers()[1], pa.py_buffer(columns[0])]
    )
    return pa.table([days, ids, contributions, turns], schema=SUMS_SCHEMA)


def _counting(terms: Sequence[Term]) -> pa.Array:
    """Return which entries of terms count, by the commits that replaced them."""
    numbers = [len(term.commits) // _NUMBER.itemsize for term in terms]
    commits = np.frombuffer(b"".join(term.commits for term in terms), _NUMBER)
    untils = np.repeat(np.array([term.until for term in terms], _NUMBER), numbers)
    return pa.array(commits <= untils)


def _column(sums: Sequence[bytes], numbers: Sequence[int], start: int, end: int) -> bytes:
    """Return one column of all sums, whose entries have it from one byte to another."""
    return b"".join(
        each[number * start : number * end] for each, number in zip(sums, numbers, strict=True)
    )
