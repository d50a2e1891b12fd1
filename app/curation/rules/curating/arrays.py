"""NumPy helpers for columns of rows that have any number of values each.

The values of all rows are in one array. `offsets` has the index of each row's first value, and the
number of values at its end; so it is one longer than there are rows.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]


def offsets_of(lengths: Any) -> Ints:
    """Return the offsets of rows of these lengths."""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64))])


def row_sums(values: NDArray[Any], offsets: Ints) -> NDArray[Any]:
    """Return the sum of each row's values; zero for a row without values."""
    if values.dtype == np.bool_:  # twenty times as fast, and in less memory
        return np.diff(np.searchsorted(np.flatnonzero(values), offsets))
    return np.diff(np.concatenate([[0], np.cumsum(values)])[offsets])


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Return part / whole, and 0 where the whole is 0."""
    ratios = np.zeros(len(whole))
    np.divide(part, whole, out=ratios, where=whole > 0)
    return ratios


def one_array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return an Arrow column as one array."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def to_numpy(values: pa.Array) -> NDArray[Any]:
    """Return an Arrow array without nulls as a NumPy array."""
    array: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return array
