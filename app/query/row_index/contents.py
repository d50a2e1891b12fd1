"""The content hashes of a data file's rows, divided into buckets, as bytes.

Content hashes are random, so the bounds of a column leave out no file. The index has five bytes of
each row's hash: the first one names the bucket, and the other four are in it. Another content that
begins alike is found too; the scan tells them apart.

A bucket has what is left of its hashes, in ascending order, and then the positions of their rows in
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
_HASH_BYTES: Final = 5
"""Bytes of a hash that are kept: a file of another content is opened for one in 10^12 rows."""
_HASH_DIGITS: Final = 2 * _HASH_BYTES
_IS_OWN_HASH: Final = "^[0-9a-f]{32}"
_LEFT, _POSITION = np.dtype("<u4"), np.dtype("<u4")
"""The types of what is left of a hash within a bucket, and of a row's position in its file."""
_ENTRY_BYTES: Final = _LEFT.itemsize + _POSITION.itemsize


def gather(hashes: Iterable[pa.Array]) -> dict[int, bytes]:
    """Return the content hashes of a file's rows, by buckets.

    Args:
        hashes: The content hashes of all rows, in the order of the rows.

    Returns:
        The buckets that aren't empty.
    """
    keys = _starts(hashes)
    first_bytes = keys[:, 0]
    left = np.ascontiguousarray(keys[:, 1:]).view(">u4").ravel()
    # It keeps the order of equal ones, so that the positions of a content ascend.
    order = np.lexsort((left, first_bytes))
    bounds = np.searchsorted(first_bytes[order], np.arange(len(BUCKETS) + 1))
    found = {}
    for bucket in np.unique(first_bytes).tolist():
        rows = order[bounds[bucket] : bounds[bucket + 1]]
        found[bucket] = left[rows].astype(_LEFT).tobytes() + rows.astype(_POSITION).tobytes()
    return found


def bucket_of(content_hash: str) -> int:
    """Return the bucket that a content is in."""
    return content_key(content_hash)[0]


def positions_in(bucket: bytes, content_hash: str) -> pa.Array:
    """Return the positions of the rows in which a content may be, ascending.

    Args:
        bucket: The bucket that the content is in; empty if the file has nothing of it.
        content_hash: The content's hash.
    """
    left = int.from_bytes(content_key(content_hash)[1:_HASH_BYTES], "big")
    # Quicker than to compare numbers, of which some hundred are in a bucket.
    if left.to_bytes(_LEFT.itemsize, "little") not in bucket:
        return NO_ROWS
    number = len(bucket) // _ENTRY_BYTES
    lefts = np.frombuffer(bucket, _LEFT, number)
    first, end = np.searchsorted(lefts, [left, left + 1])
    positions = np.frombuffer(bucket, _POSITION, number, number * _LEFT.itemsize)
    return pa.array(positions[first:end].astype(np.int64))


def _starts(columns: Iterable[pa.Array]) -> NDArray[np.uint8]:
    """Return the first bytes of the keys of content hashes, a row for each."""
    digits: list[str] = []
    for column in columns:
        own = pc.match_substring_regex(column, _IS_OWN_HASH)
        starts = pc.utf8_slice_codeunits(column, 0, _HASH_DIGITS)
        if not pc.all(own, min_count=0).as_py():
            # Another engine may have written anything.
            foreign = [content_key(each).hex()[:_HASH_DIGITS] for each in column.to_pylist()]
            starts = pc.if_else(own, starts, pa.array(foreign, starts.type))
        digits += starts.to_pylist()
    return np.frombuffer(bytes.fromhex("".join(digits)), np.uint8).reshape(-1, _HASH_BYTES)
