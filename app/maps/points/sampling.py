"""Choosing rows that are evenly spread over all, and reading the chosen ones."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

RowNumbers = NDArray[np.int64]
"""Numbers of rows, counted from 0, ascending."""


def spread_evenly(rows: int, max_rows: int) -> RowNumbers:
    """Return the numbers of at most `max_rows` rows, evenly spread over `rows` rows."""
    if rows <= max_rows:
        return np.arange(rows)
    return np.arange(max_rows, dtype=np.int64) * rows // max_rows


def take_rows(batches: Iterable[pa.RecordBatch], chosen: RowNumbers) -> Iterator[pa.RecordBatch]:
    """Yield the chosen rows of each batch, counted over all batches; a batch may be empty."""
    start = 0
    for batch in batches:
        first, last = np.searchsorted(chosen, (start, start + batch.num_rows))
        yield batch.take(pa.array(chosen[first:last] - start))
        start += batch.num_rows
