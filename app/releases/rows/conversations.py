"""The schema of a release's rows, and their conversion to it.

A raw release has the columns of the raw table. A release of another stage has the turns as
`messages`, which trainers read, and what else is known of them as `feedback`, one for each message.
It doesn't say who contributed a row; `CREDITS.txt` has the names of those who asked to be credited.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import pyarrow as pa
from pyiceberg.schema import Schema
from pyiceberg.types import BooleanType, ListType, NestedField, StringType, StructType

from app.releases.rows.messages import (
    MESSAGE_FIELDS,
    as_list,
    published_turn_field,
    to_turn_array,
    with_elements,
)
from app.releases.rows.optional_fields import arrow_schema
from app.releases.rows.splits import split_prompts
from catalog.manifests.filled import parts_of
from catalog.schema import CONVERSATION
from catalog.stages.tables import Stage

_ROLE: Final = NestedField(
    111, "role", StringType(), required=True, doc="system, user, assistant or tool"
)
_CONTENT: Final = NestedField(112, "content", StringType(), required=True)
_FEEDBACK: Final = (
    NestedField(121, "rating", StringType(), doc="positive or negative"),
    NestedField(122, "edited_content", StringType(), doc="What the contributor made of it"),
    NestedField(123, "stopped", BooleanType(), required=True, doc="The answer was cut off"),
)
_BEFORE: Final = ("contribution_id", "received_at", "source", "agent_id")
_AFTER: Final = ("language", "language_confidence", "masked", "signals", "content_hash")
_WITHHELD: Final = ("contributor_id", "attribution", "bands", "prompt", "sequence_number")
_TURN_COLUMNS: Final = ("messages", "feedback")


def published_schema(stage: Stage, table: Schema) -> Schema:
    """Return the Iceberg schema of a release's rows.

    Args:
        stage: The stage that is released.
        table: The schema of the rows that the stage has.
    """
    if stage == "raw":
        return Schema(*map(as_list, table.fields), identifier_field_ids=[1])
    columns = {field.name: as_list(field) for field in table.fields if field.name not in _WITHHELD}
    turn = parts_of(columns.pop(CONVERSATION).field_type)
    before, after = ([columns.pop(name) for name in names] for names in (_BEFORE, _AFTER))
    return Schema(
        *before,
        _messages(turn),
        _feedback(turn),
        *after,
        *columns.values(),
        identifier_field_ids=[1],
    )


def to_published(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Convert rows of a stage to the schema of a release.

    Args:
        batch: Rows with the columns of the stage's table.
        schema: The Arrow schema for what `published_schema` returns.
    """
    columns = [
        _turns(batch[CONVERSATION], field.type)
        if field.name in _TURN_COLUMNS
        else batch[field.name].cast(field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class ConversationRows:
    """Makes the rows of a release of conversations.

    Attributes:
        schema: Iceberg schema of the rows.
        sources: Empty: rows of other forms have counts by what a preference is known from.
    """

    def __init__(self, stage: Stage, table: Schema) -> None:
        """Prepare to make rows.

        Args:
            stage: The stage that is released.
            table: The schema of the stage's rows.
        """
        self.schema = published_schema(stage, table)
        self.sources: Mapping[str, int] = {}
        self._arrow_schema = arrow_schema(self.schema)
        self._turns_column = CONVERSATION if stage == "raw" else "messages"

    def convert(self, batch: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        """Yield the rows for a batch of a stage, and the batch, since each row comes from one."""
        yield to_published(batch, self._arrow_schema), batch

    def split_prompts(self, rows: pa.RecordBatch) -> Iterator[int]:
        """Yield the hash of the prompt that puts each row into a split."""
        return split_prompts(rows, self._turns_column)


def _messages(turn: Iterable[NestedField]) -> NestedField:
    more = [published_turn_field(field) for field in _optional(turn) if _is_said(field)]
    message = StructType(_ROLE, _CONTENT, *more)
    kind = ListType(110, message, element_required=True)
    return NestedField(101, "messages", kind, required=True)


def _feedback(turn: Iterable[NestedField]) -> NestedField:
    more = [published_turn_field(field) for field in _optional(turn) if not _is_said(field)]
    kind = ListType(120, StructType(*_FEEDBACK, *more), element_required=True)
    doc = "What was said of each message, in their order"
    return NestedField(102, "feedback", kind, required=True, doc=doc)


def _optional(turn: Iterable[NestedField]) -> list[NestedField]:
    first = {field.name for field in (_ROLE, _CONTENT, *_FEEDBACK)}
    return [field for field in turn if field.name not in first]


def _is_said(field: NestedField) -> bool:
    return field.name in MESSAGE_FIELDS


def _turns(conversations: pa.Array, kind: pa.DataType) -> pa.Array:
    return with_elements(conversations, kind, lambda turns: to_turn_array(turns, kind.value_type))
