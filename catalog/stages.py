"""The Iceberg schemas and names of the stages' tables. Nothing else defines them.

A computed stage has two tables: its rows, and a record of each row that it left out.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform
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

from catalog.schema import FIRST_OPTIONAL_ID, NAMESPACE, optional_columns, turn_type

ComputedStage = Literal["cleaned", "curated"]
"""A stage that is computed from another one and has tables of its own."""
Stage = Literal["raw", "cleaned", "curated"]
"""Any stage; `raw` is the table of contributions."""
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
"""All stages, in the order in which they are computed."""

SOURCE_SNAPSHOT_PROPERTY: Final = "chatlake.source-snapshot-id"
"""Snapshot property of a stage: id of the raw table's snapshot that it was computed from."""

MASK_KINDS: Final = (
    "email",
    "phone",
    "ip_address",
    "card",
    "iban",
    "secret",
    "private_key",
    "url_credentials",
)
"""The kinds of personal data and secrets that are masked; each has a placeholder and a count."""


def _struct(first_id: int, **fields: IcebergType) -> StructType:
    return StructType(
        *(
            NestedField(number, name, kind, required=True)
            for number, (name, kind) in enumerate(fields.items(), first_id)
        )
    )


_TURN: Final = turn_type(
    (
        NestedField(21, "role", StringType(), required=True, doc="system, user, assistant or tool"),
        NestedField(22, "content", StringType(), required=True),
        NestedField(23, "rating", StringType(), doc="positive or negative"),
        NestedField(24, "stopped", BooleanType(), required=True),
        NestedField(25, "edited_content", StringType(), doc="What the contributor made of it"),
    ),
    first_id=FIRST_OPTIONAL_ID,
)
_MASKED: Final = _struct(40, **{kind: IntegerType() for kind in MASK_KINDS})
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
_OPTIONAL: Final = optional_columns(first_id=200)
OPTIONAL_COLUMNS: Final = tuple(field.name for field in _OPTIONAL)
"""The columns of every stage that are null where the client gave nothing."""
CLEANED_SCHEMA: Final = Schema(*_ROW, _BANDS, *_OPTIONAL, identifier_field_ids=[1])
CURATED_SCHEMA: Final = Schema(*_ROW, *_OPTIONAL, identifier_field_ids=[1])
DROPPED_SCHEMA: Final = Schema(
    NestedField(1, "contribution_id", StringType(), required=True),
    NestedField(2, "received_at", TimestamptzType(), required=True),
    NestedField(3, "reason", StringType(), required=True, doc="The first that applied"),
    NestedField(4, "kept_id", StringType(), doc="The contribution that was kept instead"),
    NestedField(5, "measure", DoubleType(), doc="What the rule measured, such as the similarity"),
    identifier_field_ids=[1],
)
PARTITION_SPEC: Final = PartitionSpec(
    PartitionField(source_id=2, field_id=1000, transform=DayTransform(), name="received_at_day")
)


@dataclass(frozen=True, slots=True)
class StageTables:
    """The two tables of a computed stage.

    Attributes:
        rows: Identifier of the table with the stage's rows.
        dropped: Identifier of the table with a record of each row that the stage left out.
        schema: Iceberg schema of the stage's rows.
    """

    rows: str
    dropped: str
    schema: Schema

    @property
    def arrow_schema(self) -> pa.Schema:
        """Arrow schema of the stage's rows."""
        return schema_to_pyarrow(self.schema, include_field_ids=False)


COMPUTED_STAGES: Final[dict[ComputedStage, StageTables]] = {
    "cleaned": StageTables(f"{NAMESPACE}.cleaned", f"{NAMESPACE}.cleaned_dropped", CLEANED_SCHEMA),
    "curated": StageTables(f"{NAMESPACE}.curated", f"{NAMESPACE}.curated_dropped", CURATED_SCHEMA),
}
DROPPED_ARROW_SCHEMA: Final[pa.Schema] = schema_to_pyarrow(DROPPED_SCHEMA, include_field_ids=False)
