"""Cutting rows into row groups that don't depend on the batches that the rows come in.

The batches of a scan end where data files end, which changes when the files are compacted. The
bytes of a release must not change: so the number of rows and the length of their texts decide where
a group ends. A group is a single chunk, since Parquet's pages end where chunks do.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.schema import ROW_GROUP_BYTES, ROW_GROUP_ROWS

_TOOLS: Final = "tools"
"""A column of texts beside the turns that may be as long as they are."""

_Sizes = np.ndarray[tuple[int], np.dtype[np.int64]]


class RowGroups:
    """Collects rows until they are a row group."""

    def __init__(
        self,
        schema: pa.Schema,
        max_rows: int = ROW_GROUP_ROWS,
        max_bytes: int = ROW_GROUP_BYTES,
    ) -> None:
        """Begin with no rows.

        Args:
            schema: Schema of the rows.
            max_rows: Maximum number of rows of a group.
            max_bytes: A group ends after the row with which the texts of its turns reach this size.
        """
        self._schema = schema
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> Iterator[pa.Table]:
        """Add rows, and yield the groups that they complete."""
        ends = np.cumsum(_text_bytes(batch))
        start = 0
        while start < batch.num_rows:
            before = int(ends[start - 1]) if start else 0
            full = int(np.searchsorted(ends, before + self._max_bytes - self._bytes)) + 1
            stop = min(batch.num_rows, full, start + self._max_rows - self._rows)
            self._waiting.append(batch.slice(start, stop - start))
            self._rows += stop - start
            self._bytes += int(ends[stop - 1]) - before
            start = stop
            if self._rows >= self._max_rows or self._bytes >= self._max_bytes:
                yield from self.rest()

    def rest(self) -> Iterator[pa.Table]:
        """Yield the remaining rows as a group, if there are any."""
        if self._waiting:
            group = pa.Table.from_batches(self._waiting, self._schema).combine_chunks()
            self._waiting, self._rows, self._bytes = [], 0, 0
            yield group


def _text_bytes(batch: pa.RecordBatch) -> _Sizes:
    """Return for each row the size in bytes of its longest texts, which are most of a row."""
    sizes = np.zeros(batch.num_rows, np.int64)
    rows = np.arange(batch.num_rows)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_large_list(column.type) or name == _TOOLS:
            _add_text_bytes(sizes, column, rows)
    return sizes


def _add_text_bytes(sizes: _Sizes, values: pa.Array, rows: _Sizes) -> None:
    """Add the size of all texts in an array.

    Args:
        sizes: The size of each row so far.
        values: Any values.
        rows: The row that each of the values belongs to.
    """
    if pa.types.is_large_list(values.type):
        parents = pc.list_parent_indices(values).to_numpy(zero_copy_only=False)
        _add_text_bytes(sizes, values.flatten(), rows[parents])
    elif pa.types.is_struct(values.type):
        for column in values.flatten():
            _add_text_bytes(sizes, column, rows)
    elif pa.types.is_large_string(values.type):
        lengths = pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False)
        sizes += np.bincount(rows, lengths, len(sizes)).astype(np.int64)
