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

from catalog.replaced import REPLACED_IDENTIFIER
from catalog.schema import (
    FIRST_OPTIONAL_ID,
    NAMESPACE,
    SEQUENCE_NUMBER,
    TABLE_IDENTIFIER,
    optional_columns,
    turn_type,
)

ComputedStage = Literal["cleaned", "curated"]
"""A stage that is computed from another one and has tables of its own."""
Stage = Literal["raw", "cleaned", "curated"]
"""Any stage; `raw` is the table of contributions."""
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
"""All stages, in the order in which they are computed."""

SOURCE_SNAPSHOT_PROPERTY: Final = "chatlake.source-snapshot-id"
"""Snapshot property of a stage: id of the raw table's snapshot that it was computed from."""
DECIDED_FROM_PROPERTY: Final = "chatlake.decided-from"
"""Snapshot property of `curated`: digest of the chunks of `cleaned` that it was decided from."""

MASK_KINDS: Final = (
    "email",
    "phone",
    "ip_address",
    "card",
    "iban",
    "secret",
    "private_key",
    "url_credentials",
    "id_number",
    "birth_date",
    "street_address",
    "person_name",
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
_FIRST_MASK_KINDS: Final = 8
"""Number of kinds that every row has a count of. Older rows have none of the later kinds."""
_MASKED: Final = StructType(
    *(
        NestedField(number, kind, IntegerType(), required=number < 40 + _FIRST_MASK_KINDS)
        for number, kind in enumerate(MASK_KINDS, 40)
    )
)
_FIRST_SIGNALS: Final = _struct(
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
_SIGNALS: Final = StructType(
    *_FIRST_SIGNALS.fields,
    # Null in rows from before these were measured.
    *(
        NestedField(number, name, DoubleType())
        for number, name in enumerate(
            (
                "loop_ratio",
                "placeholder_ratio",
                "repr_ratio",
                "error_message_ratio",
                "one_token_ratio",
                "parrot_ratio",
            ),
            74,
        )
    ),
)

_ROW: Final = (
    NestedField(1, "contribution_id", StringType(), required=True),
    NestedField(2, "received_at", TimestamptzType(), required=True),
    NestedField(3, "source", StringType()),
    NestedField(4, "agent_id", StringType(), required=True),
    NestedField(5, "contributor_id", StringType(), doc="The contributor; null when anonymous"),
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
_MARKS: Final = (
    NestedField(
        300,
        "turn_languages",
        ListType(301, StringType(), element_required=True),
        doc="Of each turn, where users and assistants speak several; null: all speak language",
    ),
    NestedField(
        302,
        "irregular",
        ListType(303, StringType(), element_required=True),
        doc="Why strict chat templates refuse it; null: they take it, and an assistant has the end",
    ),
    NestedField(304, "cut_tokens", IntegerType(), doc="Special tokens of models that were cut out"),
)
"""The columns of stages that are null where cleaning has nothing to tell."""
_PROMPT: Final = NestedField(
    320,
    "prompt",
    StructType(
        NestedField(321, "hash", LongType(), required=True, doc="Of the normalised text"),
        NestedField(
            322,
            "bands",
            ListType(323, LongType(), element_required=True),
            required=True,
            doc="A hash of each band of the MinHash signature",
        ),
    ),
    doc="The first prompt",
)
"""The column of `cleaned` by which first prompts are compared."""
PROMPT_GROUP: Final = "prompt_group"
"""Name of the column of `curated` by which splits keep prompts together that are alike."""
_PROMPT_GROUP: Final = NestedField(
    324,
    PROMPT_GROUP,
    LongType(),
    doc="Hash of the first prompt that this row's is a near duplicate of; null: its own",
)
_EVALUATION_SET: Final = NestedField(
    340, "evaluation_set", StringType(), doc="The evaluation set that it overlaps with"
)
_OVERLAP: Final = NestedField(
    341, "overlap", DoubleType(), doc="Share of the words of that set's text, 0 to 1"
)
_QUALITY_SCORE: Final = NestedField(
    360,
    "quality_score",
    DoubleType(),
    doc="Chance that judges prefer its answers to average ones, 0 to 1; null: it can't be told",
)
_SCORES: Final = NestedField(
    380,
    "scores",
    ListType(
        381,
        StructType(
            NestedField(382, "scorer", StringType(), required=True),
            NestedField(383, "version", StringType(), required=True, doc="Of the scorer"),
            NestedField(384, "category", StringType(), doc="Null: the scorer could not be asked"),
            NestedField(385, "score", DoubleType(), doc="The highest of a turn, 0 to 1"),
        ),
        element_required=True,
    ),
    doc="What scorers say of it; null: none was asked",
)
_FLAGS: Final = NestedField(
    386,
    "flags",
    ListType(
        387,
        StructType(
            NestedField(388, "turn", IntegerType(), required=True, doc="Its place, from 0"),
            NestedField(389, "category", StringType(), required=True),
        ),
        element_required=True,
    ),
    doc="The turns that scorers flagged, and what for; null: none is flagged",
)
_SEQUENCE_NUMBER: Final = NestedField(
    390, SEQUENCE_NUMBER, LongType(), doc="Of the commit that added the contribution"
)
CLEANED_SCHEMA: Final = Schema(
    *_ROW,
    _BANDS,
    *_OPTIONAL,
    *_MARKS,
    _PROMPT,
    _EVALUATION_SET,
    _OVERLAP,
    _QUALITY_SCORE,
    _SCORES,
    _FLAGS,
    _SEQUENCE_NUMBER,
    identifier_field_ids=[1],
)
CURATED_SCHEMA: Final = Schema(
    *_ROW,
    *_OPTIONAL,
    *_MARKS,
    _PROMPT_GROUP,
    _QUALITY_SCORE,
    _SCORES,
    _FLAGS,
    identifier_field_ids=[1],
)
DROPPED_SCHEMA: Final = Schema(
    NestedField(1, "contribution_id", StringType(), required=True),
    NestedField(2, "received_at", TimestamptzType(), required=True),
    NestedField(3, "reason", StringType(), required=True, doc="The first that applied"),
    NestedField(4, "kept_id", StringType(), doc="The contribution that was kept instead"),
    NestedField(5, "measure", DoubleType(), doc="What the rule measured, such as the similarity"),
    _EVALUATION_SET,
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
STAGE_IDENTIFIERS: Final = tuple(
    name for stage in COMPUTED_STAGES.values() for name in (stage.rows, stage.dropped)
)
"""The identifiers of the tables of computed stages."""
TABLE_IDENTIFIERS: Final = (TABLE_IDENTIFIER, REPLACED_IDENTIFIER, *STAGE_IDENTIFIERS)
"""The identifiers of all tables of the lake."""
DROPPED_ARROW_SCHEMA: Final[pa.Schema] = schema_to_pyarrow(DROPPED_SCHEMA, include_field_ids=False)
