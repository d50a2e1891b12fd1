"""Create the tables of the stages, with the columns that they had at first."""

from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DoubleType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

from app.state.db import Database
from catalog.schema import TABLE_PROPERTIES
from catalog.stages.tables import COMPUTED_STAGES, PARTITION_SPEC


def _struct(first_id: int, **fields: IcebergType) -> StructType:
    return StructType(
        *(
            NestedField(number, name, kind, required=True)
            for number, (name, kind) in enumerate(fields.items(), first_id)
        )
    )


_TURN: Final = StructType(
    NestedField(21, "role", StringType(), required=True, doc="system, user, assistant or tool"),
    NestedField(22, "content", StringType(), required=True),
    NestedField(23, "rating", StringType(), doc="positive or negative"),
    NestedField(24, "stopped", BooleanType(), required=True),
    NestedField(25, "edited_content", StringType(), doc="What the contributor made of it"),
)
_MASKED: Final = _struct(
    40,
    email=IntegerType(),
    phone=IntegerType(),
    ip_address=IntegerType(),
    card=IntegerType(),
    iban=IntegerType(),
    secret=IntegerType(),
    private_key=IntegerType(),
    url_credentials=IntegerType(),
)
_SIGNALS: Final = _struct(
    60,
    words=LongType(),
    mean_word_length=DoubleType(),
    symbol_ratio=DoubleType(),
    alphabetic_ratio=DoubleType(),
    stop_words=IntegerType(),
    ellipsis_ratio=DoubleType(),
    duplicate_line_ratio=DoubleType(),
    top_ngram_ratio=DoubleType(),
    duplicate_ngram_ratio=DoubleType(),
    repeated_turn_ratio=DoubleType(),
    refusal_ratio=DoubleType(),
    boilerplate_ratio=DoubleType(),
    positive_ratings=IntegerType(),
    negative_ratings=IntegerType(),
)

_ROW: Final = (
    NestedField(1, "contribution_id", StringType(), required=True),
    NestedField(2, "received_at", TimestamptzType(), required=True),
    NestedField(3, "source", StringType()),
    NestedField(4, "agent_id", StringType(), required=True),
    NestedField(5, "submitter_id", StringType(), doc="The contributor; null when anonymous"),
    NestedField(6, "attribution", StringType(), doc="The name to credit"),
    NestedField(7, "conversation", ListType(20, _TURN, element_required=True), required=True),
    NestedField(8, "content_hash", StringType(), required=True, doc="SHA-256 of the cleaned turns"),
    NestedField(9, "language", StringType(), required=True, doc="ISO 639 code, or und"),
    NestedField(10, "language_confidence", DoubleType(), required=True, doc="0 to 1"),
    NestedField(11, "masked", _MASKED, required=True, doc="How many of each kind were masked"),
    NestedField(12, "signals", _SIGNALS, required=True, doc="What quality is judged by"),
)
_BANDS: Final = NestedField(
    13,
    "bands",
    ListType(26, LongType(), element_required=True),
    required=True,
    doc="A hash of each band of the MinHash signature",
)
_CLEANED: Final = Schema(*_ROW, _BANDS, identifier_field_ids=[1])
_CURATED: Final = Schema(*_ROW, identifier_field_ids=[1])
_DROPPED: Final = Schema(
    NestedField(1, "contribution_id", StringType(), required=True),
    NestedField(2, "received_at", TimestamptzType(), required=True),
    NestedField(3, "reason", StringType(), required=True, doc="The first that applied"),
    NestedField(4, "kept_id", StringType(), doc="The contribution that was kept instead"),
    NestedField(5, "measure", DoubleType(), doc="What the rule measured, such as the similarity"),
    identifier_field_ids=[1],
)


FIRST_SCHEMAS: Final = {
    COMPUTED_STAGES["cleaned"].rows: _CLEANED,
    COMPUTED_STAGES["cleaned"].dropped: _DROPPED,
    COMPUTED_STAGES["curated"].rows: _CURATED,
    COMPUTED_STAGES["curated"].dropped: _DROPPED,
}
"""The schemas by the identifiers of the tables. pyiceberg gives a new table's fields other ids."""


def upgrade(catalog: Catalog, _database: Database | None = None) -> None:
    """Create the tables, unless they exist."""
    for identifier, schema in FIRST_SCHEMAS.items():
        # A copy: pyiceberg takes the format version out of the properties that it is given.
        properties = dict(TABLE_PROPERTIES)
        catalog.create_table_if_not_exists(
            identifier, schema, partition_spec=PARTITION_SPEC, properties=properties
        )
