"""Reading one Parquet data file, with a few batches of it in memory."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds

from catalog.checkpoints import checkpoint

BATCH_ROWS: Final = 4096
"""Rows of a batch."""
# Pre-buffering would hold a whole file's bytes; a row group at a time is enough.
PARQUET: Final = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False)
)


def prune_row_groups(
    fragment: ds.ParquetFileFragment, schema: pa.Schema, condition: ds.Expression
) -> ds.ParquetFileFragment | None:
    """Return a fragment of the row groups that have a matching row; None when no group has.

    The columns of the condition are read here, and a second time by the scan. That costs little
    beside the conversations, which are only read from groups that match.
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
