"""Reading one Parquet data file, with a few batches of it in memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from catalog.checkpoints import checkpoint

BATCH_ROWS: Final = 4096
"""Rows of a batch."""
PAGE_ROWS: Final = 1024
"""Rows that Parquet decodes at least, as they are written: see `catalog.writing.staging`."""
# Pre-buffering would hold a whole file's bytes; a row group at a time is enough.
PARQUET: Final = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False)
)


def read_fragment(
    source: Any,
    fragment: ds.ParquetFileFragment,
    schema: pa.Schema,
    condition: ds.Expression | None = None,
    batch_rows: int = BATCH_ROWS,
    positions: pa.Array | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the matching rows of some row groups of a file, with the columns of a schema.

    Parquet keeps each field of a nested column by itself. Arrow's scanner reads a column with all
    of its fields; this function reads the fields that the schema has and that hold any value. The
    others are null, also those of a file that is older than its table's schema.

    Args:
        source: The file, open for reading.
        fragment: The row groups.
        schema: The columns, whose types may have fewer fields than the file's. A list or map that
            is empty is null in the result where all others of a row group are empty or null, since
            nothing tells one from the other there.
        condition: The rows that are wanted, by columns of the schema; all when None.
        batch_rows: The number of rows that are decoded at once.
        positions: The positions in the file of the rows to look at, ascending; all when None.
    """
    groups = [group.id for group in fragment.row_groups]
    if not groups:
        return
    # `ParquetFile` is a wrapper that lists the names of all leaves, which takes longer than to read
    # the ids of thousands of rows.
    reader = pq.ParquetReader()
    reader.open(source, metadata=fragment.metadata, pre_buffer=False)
    # Without a leaf, the reader wouldn't count rows.
    leaves = _filled_leaves(fragment.metadata, groups, schema) or [0]
    batches = (
        reader.iter_batches(batch_rows, groups, leaves, use_threads=False)
        if positions is None
        else _batches_at(reader, fragment.metadata, groups, leaves, positions)
    )
    nothing = pa.RecordBatch.from_pylist([], schema)
    for batch in batches:
        rows = _with_every_column(batch, schema)
        # Before the types are completed, since most of the rows may be left out.
        chosen = rows if condition is None else rows.filter(condition)
        yield chosen.cast(schema) if chosen.num_rows else nothing


def _batches_at(
    reader: pq.ParquetReader,
    metadata: pq.FileMetaData,
    groups: Sequence[int],
    leaves: Sequence[int],
    positions: pa.Array,
) -> Iterator[pa.RecordBatch]:
    """Yield some rows of row groups, which are read until the last of these rows has come."""
    starts, wanted = _starts_of(metadata), positions.to_numpy()
    for group in groups:
        start = starts[group]
        last = wanted[np.searchsorted(wanted, starts[group + 1]) - 1]
        for batch in reader.iter_batches(PAGE_ROWS, [group], leaves, use_threads=False):
            first, end = np.searchsorted(wanted, (start, start + batch.num_rows))
            if first < end:
                yield batch.take(pa.array(wanted[first:end] - start))
            start += batch.num_rows
            if start > last:
                break


def with_rows(fragment: ds.ParquetFileFragment, positions: pa.Array) -> ds.ParquetFileFragment:
    """Return a fragment of the row groups that have some rows.

    Args:
        fragment: A whole file.
        positions: The positions of the rows in the file, ascending.
    """
    ends = _starts_of(fragment.metadata)[1:]
    groups = np.unique(np.searchsorted(ends, positions.to_numpy(), side="right"))
    return fragment.subset(row_group_ids=groups.tolist())


def _starts_of(metadata: pq.FileMetaData) -> NDArray[np.int64]:
    """Return the position of each row group's first row, and the number of rows of the file."""
    sizes = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    return np.cumsum([0, *sizes])


def _filled_leaves(
    metadata: pq.FileMetaData, groups: Sequence[int], schema: pa.Schema
) -> list[int]:
    """Return the positions of a schema's leaves that hold a value in any of some row groups."""
    wanted = {field.name: field.type for field in schema}
    described = [metadata.row_group(group) for group in groups]
    leaves = []
    for position in range(metadata.num_columns):
        name, *path = metadata.schema.column(position).path.split(".")
        if (
            name in wanted
            and _has_leaf(wanted[name], path)
            and any(_has_value(group.column(position)) for group in described)
        ):
            leaves.append(position)
    return leaves


def _has_leaf(kind: pa.DataType, path: Sequence[str]) -> bool:
    """Tell whether a type has the field that a Parquet path leads to.

    https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#nested-types
    """
    if pa.types.is_struct(kind) and path:
        index = kind.get_field_index(path[0])
        return index >= 0 and _has_leaf(kind.field(index).type, path[1:])
    if pa.types.is_large_list(kind):
        # A list of Parquet's is a group `list` of groups `element`.
        return _has_leaf(kind.value_type, path[2:])
    return True


def _has_value(column: pq.ColumnChunkMetaData) -> bool:
    statistics = column.statistics
    return statistics is None or not statistics.has_null_count or statistics.num_values > 0


def _with_every_column(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch with the columns of a schema, null where the batch has none of the name."""
    known = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = {
        field.name: known[field.name]
        if field.name in known
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def prune_row_groups(
    fragment: ds.ParquetFileFragment, schema: pa.Schema, condition: ds.Expression
) -> ds.ParquetFileFragment | None:
    """Return a fragment of the row groups that have a matching row; None when no group has.

    The columns of the condition are read here, and a second time by the scan. That costs little
    beside the conversations, which are only read from groups that match.

    Args:
        fragment: A Parquet file, or some of its row groups.
        schema: The schema that the condition is written for: that of the table.
        condition: The condition, on these columns.
    """
    # Groups whose statistics exclude a match are left out without being read.
    groups = fragment.split_by_row_group(condition, schema)
    found = [group for group in groups if _has_rows(group, schema, condition)]
    return (
        fragment.subset(row_group_ids=[group.row_groups[0].id for group in found])
        if found
        else None
    )


def _has_rows(group: ds.ParquetFileFragment, schema: pa.Schema, condition: ds.Expression) -> bool:
    checkpoint()
    return bool(scanner(group, schema, {}, condition).count_rows())


def scanner(
    fragment: ds.ParquetFileFragment,
    schema: pa.Schema,
    projection: Mapping[str, ds.Expression],
    condition: ds.Expression | None = None,
) -> ds.Scanner:
    """Return a scanner of a file that works in bounded memory.

    Args:
        fragment: The file, or some row groups of it.
        schema: The table's schema.
        projection: The columns of the result, by name.
        condition: The rows that are wanted; all when None.
    """
    return ds.Scanner.from_fragment(
        fragment,
        # The table's schema, not the file's, so that columns added later read as null in old files.
        schema=schema,
        columns=projection,
        filter=condition,
        batch_size=BATCH_ROWS,
        batch_readahead=2,
        fragment_readahead=1,
        use_threads=False,
    )
