"""Create the raw table, with the columns that it had at first."""

from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

from app.state.db import Database
from catalog.schema import PARTITION_SPEC, TABLE_IDENTIFIER, TABLE_PROPERTIES

_TURN: Final = StructType(
    NestedField(14, "content", StringType(), required=True),
    NestedField(15, "role", StringType()),
    NestedField(16, "rating", StringType()),
    NestedField(17, "stopped", BooleanType(), required=True),
    NestedField(18, "edited_content", StringType()),
)
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


def upgrade(catalog: Catalog, _database: Database | None = None) -> None:
    """Create the table, unless it exists."""
    # A copy: pyiceberg takes the format version out of the properties that it is given.
    catalog.create_table_if_not_exists(
        TABLE_IDENTIFIER, SCHEMA, partition_spec=PARTITION_SPEC, properties=dict(TABLE_PROPERTIES)
    )
