"""The positions of the values of a column in a data file, divided into buckets, as bytes.

The values are ids and hashes, which are random, so the bounds of a column leave out no file. The
index has five bytes of each row's value: the first one names the bucket, and the other four are in
it. Another value that begins alike is found too; the scan tells them apart.

A bucket has what is left of its values, in ascending order, and then the positions of their rows in
the same order, in 4 bytes each, least significant byte first.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.versions.keys import content_key
from catalog.reading.scan import NO_ROWS

BUCKETS: Final = range(256)
_KEPT_BYTES: Final = 5
"""Bytes of a value that are kept: a file without it is opened for one in 10^12 rows."""
_KEPT_DIGITS: Final = 2 * _KEPT_BYTES
_IS_OWN: Final = "^[0-9a-f]{32}"
_LEFT, _POSITION = np.dtype("<u4"), np.dtype("<u4")
"""The types of what is left of a value within a bucket, and of a row's position in its file."""
_ENTRY_BYTES: Final = _LEFT.itemsize + _POSITION.itemsize


def gather(columns: Iterable[pa.Array]) -> dict[int, bytes]:
    """Return the positions of the values of a file's column, by buckets.

    Args:
        columns: The column of all rows, in the order of the rows; nulls have no place.

    Returns:
        The buckets that aren't empty.
    """
    column = pa.chunked_array(columns, pa.large_string())
    places = np.flatnonzero(column.is_valid().to_numpy())
    keys = _starts(column.drop_null())
    first_bytes = keys[:, 0]
    left = np.ascontiguousarray(keys[:, 1:]).view(">u4").ravel()
    # It keeps the order of equal ones, so that the positions of a value ascend.
    order = np.lexsort((left, first_bytes))
    bounds = np.searchsorted(first_bytes[order], np.arange(len(BUCKETS) + 1))
    found = {}
    for bucket in np.unique(first_bytes).tolist():
        rows = order[bounds[bucket] : bounds[bucket + 1]]
        positions = places[rows].astype(_POSITION)
        found[bucket] = left[rows].astype(_LEFT).tobytes() + positions.tobytes()
    return found


def bucket_of(value: str) -> int:
    """Return the bucket that a value is in."""
    return content_key(value)[0]


def positions_in(bucket: bytes, value: str) -> pa.Array:
    """Return the positions of the rows in which a value may be, ascending.

    Args:
        bucket: The bucket that the value is in; empty if the file has nothing of it.
        value: The value.
    """
    left = int.from_bytes(content_key(value)[1:_KEPT_BYTES], "big")
    # Quicker than to compare numbers, of which some hundred are in a bucket.
    if left.to_bytes(_LEFT.itemsize, "little") not in bucket:
        return NO_ROWS
    number = len(bucket) // _ENTRY_BYTES
    lefts = np.frombuffer(bucket, _LEFT, number)
    first, end = np.searchsorted(lefts, [left, left + 1])
    positions = np.frombuffer(bucket, _POSITION, number, number * _LEFT.itemsize)
    return pa.array(positions[first:end].astype(np.int64))


def _starts(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """Return the first bytes of the keys of values, a row for each."""
    own = pc.match_substring_regex(column, _IS_OWN)
    starts = pc.utf8_slice_codeunits(column, 0, _KEPT_DIGITS)
    if not pc.all(own, min_count=0).as_py():
        # Another engine may have written anything.
        foreign = [content_key(each).hex()[:_KEPT_DIGITS] for each in column.to_pylist()]
        starts = pc.if_else(own, starts, pa.array(foreign, starts.type))
    digits = "".join(starts.to_pylist())
    return np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(-1, _KEPT_BYTES)
