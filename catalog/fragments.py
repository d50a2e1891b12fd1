"""Reading one Parquet data file: a few batches of it are in memory."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds

from catalog.checkpoints import checkpoint

BATCH_ROWS: Final = 4096
"""Rows in a batch, and in each of the few that are read ahead."""
# Pre-buffering would hold a whole file's bytes; a row group at a time is enough.
PARQUET: Final = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False)
)


def promising(
    fragment: ds.ParquetFileFragment, schema: pa.Schema, condition: ds.Expression
) -> ds.ParquetFileFragment | None:
    """Leave out the row groups without a matching row; None when there is no other.

    What is in the condition is read twice where something matches. It is little beside the
    conversations, which aren't read at all where nothing does.
    """
    # Statistics leave some out unread.
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
    """Return what reads a file in bounded memory, as rows of the table's schema."""
    return ds.Scanner.from_fragment(
        fragment,
        # The table's schema, not the file's: a column added later reads as null in older files.
        schema=schema,
        columns=projection,
        filter=condition,
        batch_size=BATCH_ROWS,
        batch_readahead=2,
        fragment_readahead=1,
        use_threads=False,
    )
