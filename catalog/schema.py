"""The Iceberg schema, partition spec and properties of the raw table. Nothing else defines them.

Columns are only ever added. Readers project data files by column name, so a step that renames one
has to rewrite every file. A step of `migrations.lake` brings the tables of older lakes to this
schema, with these field ids.
"""

from collections.abc import Iterator
from itertools import count
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
    MapType,
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


def turn_type(always: tuple[NestedField, ...], first_id: int) -> StructType:
    """Return the type of a turn: what every turn has, and what it may have besides.

    Args:
        always: The fields that every turn has.
        first_id: The id of the first of the other fields; those of the rest follow.
    """
    ids = count(first_id)
    return StructType(*always, *_optional_fields_of_turn(ids), _alternatives(always, ids))


def _optional_fields_of_turn(ids: Iterator[int]) -> Iterator[NestedField]:
    """Yield the fields of a turn that are null where the client gave nothing."""
    text = StringType()
    yield NestedField(next(ids), "reasoning", text, doc="What the model thought before")
    yield NestedField(next(ids), "tool_calls", _structs(ids, ("id", "name", "arguments")))
    yield NestedField(next(ids), "tool_call_id", text, doc="The call that the turn answers")
    yield NestedField(next(ids), "name", text, doc="Of the tool or the speaker")
    yield NestedField(next(ids), "model", text, doc="The model that spoke")
    yield NestedField(next(ids), "created_at", TimestamptzType(), doc="The client's clock")
    described = ("kind", "media_type", "name", "bytes", "sha256", "text")
    yield NestedField(next(ids), "attachments", _structs(ids, described))


def _structs(ids: Iterator[int], names: tuple[str, ...]) -> ListType:
    """Return a list of structs of texts; `bytes` is a number."""
    element_id = next(ids)
    kinds = {"bytes": LongType()}
    fields = [NestedField(next(ids), name, kinds.get(name, StringType())) for name in names]
    return ListType(element_id, StructType(*fields), element_required=True)


def _alternatives(always: tuple[NestedField, ...], ids: Iterator[int]) -> NestedField:
    own, continuation, turn = next(ids), next(ids), next(ids)
    again = [field.model_copy(update={"field_id": next(ids)}) for field in always]
    kind = StructType(*again, *_optional_fields_of_turn(ids))
    turns = ListType(turn, kind, element_required=True)
    return NestedField(
        own,
        "alternatives",
        ListType(continuation, turns, element_required=True),
        doc="What else stood in the place of this turn and all after it, best first",
    )


def optional_columns(first_id: int) -> tuple[NestedField, ...]:
    """Return the columns that are null where the client gave nothing.

    Args:
        first_id: The id of the first column; those of the others and of what is in them follow.
    """
    ids, text = count(first_id), StringType()
    return (
        NestedField(next(ids), "created_at", TimestamptzType(), doc="The client's clock"),
        NestedField(next(ids), "title", text),
        NestedField(
            next(ids),
            "client",
            StructType(*(NestedField(next(ids), name, text) for name in ("name", "version"))),
            doc="The application that the conversation was held in",
        ),
        NestedField(next(ids), "licence", text, doc="SPDX id, stated by the contributor"),
        NestedField(next(ids), "tools", text, doc="JSON of the tools that were offered"),
        NestedField(
            next(ids),
            "labels",
            MapType(next(ids), text, next(ids), text, value_required=True),
            doc="What else the source knows, by key",
        ),
    )


_TURN: Final = (
    NestedField(14, "content", StringType(), required=True),
    NestedField(15, "role", StringType()),
    NestedField(16, "rating", StringType()),
    NestedField(17, "stopped", BooleanType(), required=True),
    NestedField(18, "edited_content", StringType()),
)
FIRST_OPTIONAL_ID: Final = 100
"""Fields with this id or a higher one are null in most rows, in the tables of stages, too."""
_TURNS: Final = ListType(13, turn_type(_TURN, first_id=FIRST_OPTIONAL_ID), element_required=True)

ID: Final = "contribution_id"
CONVERSATION: Final = "conversation"
"""The column of the turns, which hold most of a row's bytes."""
SEQUENCE_NUMBER: Final = "sequence_number"

_COLUMNS: Final = (
    NestedField(1, "contribution_id", StringType(), required=True, doc="UUIDv7 made by the server"),
    NestedField(2, "conversation_id", StringType(), required=True, doc="Shared by its versions"),
    NestedField(3, "received_at", TimestamptzType(), required=True, doc="The server's clock"),
    NestedField(4, "source", StringType()),
    NestedField(5, "contributor_id", StringType(), doc="The contributor; null when anonymous"),
    NestedField(6, "attribution", StringType(), doc="The name to credit"),
    NestedField(7, "agent_id", StringType(), required=True),
    NestedField(8, "prompt_template", StringType()),
    NestedField(9, "chat_template", StringType()),
    NestedField(10, CONVERSATION, _TURNS, required=True),
    NestedField(11, "content_hash", StringType(), required=True, doc="SHA-256 of the turns"),
    NestedField(
        12,
        SEQUENCE_NUMBER,
        LongType(),
        doc="Of the commit that added the row; null: the file's own data sequence number",
    ),
)
ALWAYS_PRESENT: Final = frozenset(field.name for field in (*_COLUMNS, *_TURN))
"""The columns, and the fields of turns, that rows in JSON have also where they are null."""

_TERMS_VERSION: Final = NestedField(
    220, "terms_version", StringType(), doc="Of the operator's terms, as the contributor stated it"
)
SCHEMA: Final = Schema(
    *_COLUMNS, *optional_columns(first_id=200), _TERMS_VERSION, identifier_field_ids=[1]
)

PARTITION_SPEC: Final = PartitionSpec(
    PartitionField(source_id=3, field_id=1000, transform=DayTransform(), name="received_at_day")
)

UNBOUNDED_COLUMNS: Final = ("attribution", "prompt_template", "chat_template", "title", "tools")
"""Columns with people's own words, of which metadata holds no bounds: these are words of a row."""
METRICS_PROPERTIES: Final = {
    f"write.metadata.metrics.column.{name}": "counts" for name in UNBOUNDED_COLUMNS
}
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
    **METRICS_PROPERTIES,
}

ARROW_SCHEMA: Final[pa.Schema] = schema_to_pyarrow(SCHEMA, include_field_ids=False)
