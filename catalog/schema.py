"""The Iceberg schema, partition spec and properties of the raw table. Nothing else defines them.

Columns are only ever added, never renamed or dropped: readers project data files by column name.
"""

from typing import Final

import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform
from pyiceberg.types import (
    BooleanType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

NAMESPACE: Final = "chatlake"
TABLE_NAME: Final = "contributions"
TABLE_IDENTIFIER: Final = f"{NAMESPACE}.{TABLE_NAME}"

BATCH_ID_PROPERTY: Final = "chatlake.batch-id"
"""Snapshot property: the batch that the snapshot added."""
LAST_BATCH_ID_PROPERTY: Final = "chatlake.last-batch-id"
"""Table property: the batch of the newest append, written in the same commit as its snapshot."""

TARGET_FILE_SIZE_BYTES: Final = 128 * 1024 * 1024
"""Size at which a data file is full, counted as uncompressed Arrow because pyiceberg does."""
ROW_GROUP_ROWS: Final = 8192
"""Rows in a Parquet row group, which is what a reader holds in memory at once."""
ROW_GROUP_BYTES: Final = 32 * 1024 * 1024
"""Bytes of Arrow at which a row group ends with fewer rows, since conversations can be large."""

_TURN = StructType(
    NestedField(14, "content", StringType(), required=True),
    NestedField(15, "role", StringType()),
    NestedField(16, "rating", StringType()),
    NestedField(17, "stopped", BooleanType(), required=True),
    NestedField(18, "edited_content", StringType()),
)

ID: Final = "contribution_id"
CONVERSATION: Final = "conversation"
"""The column of the turns, which hold most of a row's bytes."""

SCHEMA: Final = Schema(
    NestedField(1, "contribution_id", StringType(), required=True, doc="UUIDv7 made by the server"),
    NestedField(2, "ingest_id", StringType(), required=True, doc="The client's id, or ours"),
    NestedField(3, "received_at", TimestamptzType(), required=True, doc="The server's clock"),
    NestedField(4, "source", StringType()),
    NestedField(5, "submitter_id", StringType(), doc="The contributor; null when anonymous"),
    NestedField(6, "attribution", StringType(), doc="The name to credit"),
    NestedField(7, "agent_id", StringType(), required=True),
    NestedField(8, "prompt_template", StringType()),
    NestedField(9, "chat_template", StringType()),
    NestedField(10, "conversation", ListType(13, _TURN, element_required=True), required=True),
    NestedField(11, "content_hash", StringType(), required=True, doc="SHA-256 of the turns"),
    NestedField(
        12,
        "sequence_number",
        LongType(),
        doc="Of the commit that added the row; null: the file's own data sequence number",
    ),
    identifier_field_ids=[1],
)

PARTITION_SPEC: Final = PartitionSpec(
    PartitionField(source_id=3, field_id=1000, transform=DayTransform(), name="received_at_day")
)

TABLE_PROPERTIES: Final = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.parquet.row-group-limit": str(ROW_GROUP_ROWS),
    "write.target-file-size-bytes": str(TARGET_FILE_SIZE_BYTES),
    # Without merging, each commit adds a manifest that every later plan must open.
    "commit.manifest-merge.enabled": "true",
    # An automatic retry can land a batch twice. The committer looks for it before it tries again.
    "commit.retry.num-retries": "0",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}

ARROW_SCHEMA: Final[pa.Schema] = schema_to_pyarrow(SCHEMA, include_field_ids=False)
