from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet as pq
from pyiceberg.schema import index_by_name
from pyiceberg.table import Table
from pyiceberg.transforms import DayTransform
from pyiceberg.types import TimestamptzType

from catalog.records import Contribution, Turn
from catalog.schema import ARROW_SCHEMA, PARTITION_SPEC, SCHEMA
from catalog.table import append_batch
from tests.factories import make_contribution

# Other engines find columns by these numbers, so they never change; new ones may be added.
_FIELD_IDS = {
    "contribution_id": 1,
    "conversation_id": 2,
    "received_at": 3,
    "source": 4,
    "contributor_id": 5,
    "attribution": 6,
    "agent_id": 7,
    "prompt_template": 8,
    "chat_template": 9,
    "conversation": 10,
    "content_hash": 11,
    "sequence_number": 12,
    "conversation.element": 13,
    "conversation.content": 14,
    "conversation.element.content": 14,
    "conversation.role": 15,
    "conversation.element.role": 15,
    "conversation.rating": 16,
    "conversation.element.rating": 16,
    "conversation.stopped": 17,
    "conversation.element.stopped": 17,
    "conversation.edited_content": 18,
    "conversation.element.edited_content": 18,
    "conversation.reasoning": 100,
    "conversation.element.reasoning": 100,
    "conversation.tool_calls": 101,
    "conversation.element.tool_calls": 101,
    "conversation.tool_calls.element": 102,
    "conversation.element.tool_calls.element": 102,
    "conversation.tool_calls.id": 103,
    "conversation.element.tool_calls.element.id": 103,
    "conversation.tool_calls.name": 104,
    "conversation.element.tool_calls.element.name": 104,
    "conversation.tool_calls.arguments": 105,
    "conversation.element.tool_calls.element.arguments": 105,
    "conversation.tool_call_id": 106,
    "conversation.element.tool_call_id": 106,
    "conversation.name": 107,
    "conversation.element.name": 107,
    "conversation.model": 108,
    "conversation.element.model": 108,
    "conversation.created_at": 109,
    "conversation.element.created_at": 109,
    "conversation.attachments": 110,
    "conversation.element.attachments": 110,
    "conversation.attachments.element": 111,
    "conversation.element.attachments.element": 111,
    "conversation.attachments.kind": 112,
    "conversation.element.attachments.element.kind": 112,
    "conversation.attachments.media_type": 113,
    "conversation.element.attachments.element.media_type": 113,
    "conversation.attachments.name": 114,
    "conversation.element.attachments.element.name": 114,
    "conversation.attachments.bytes": 115,
    "conversation.element.attachments.element.bytes": 115,
    "conversation.attachments.sha256": 116,
    "conversation.element.attachments.element.sha256": 116,
    "conversation.attachments.text": 117,
    "conversation.element.attachments.element.text": 117,
    "conversation.alternatives": 118,
    "conversation.element.alternatives": 118,
    "conversation.alternatives.element": 119,
    "conversation.element.alternatives.element": 119,
    "conversation.alternatives.element.element": 120,
    "conversation.element.alternatives.element.element": 120,
    "conversation.alternatives.element.content": 121,
    "conversation.element.alternatives.element.element.content": 121,
    "conversation.alternatives.element.role": 122,
    "conversation.element.alternatives.element.element.role": 122,
    "conversation.alternatives.element.rating": 123,
    "conversation.element.alternatives.element.element.rating": 123,
    "conversation.alternatives.element.stopped": 124,
    "conversation.element.alternatives.element.element.stopped": 124,
    "conversation.alternatives.element.edited_content": 125,
    "conversation.element.alternatives.element.element.edited_content": 125,
    "conversation.alternatives.element.reasoning": 126,
    "conversation.element.alternatives.element.element.reasoning": 126,
    "conversation.alternatives.element.tool_calls": 127,
    "conversation.element.alternatives.element.element.tool_calls": 127,
    "conversation.alternatives.element.tool_calls.element": 128,
    "conversation.element.alternatives.element.element.tool_calls.element": 128,
    "conversation.alternatives.element.tool_calls.id": 129,
    "conversation.element.alternatives.element.element.tool_calls.element.id": 129,
    "conversation.alternatives.element.tool_calls.name": 130,
    "conversation.element.alternatives.element.element.tool_calls.element.name": 130,
    "conversation.alternatives.element.tool_calls.arguments": 131,
    "conversation.element.alternatives.element.element.tool_calls.element.arguments": 131,
    "conversation.alternatives.element.tool_call_id": 132,
    "conversation.element.alternatives.element.element.tool_call_id": 132,
    "conversation.alternatives.element.name": 133,
    "conversation.element.alternatives.element.element.name": 133,
    "conversation.alternatives.element.model": 134,
    "conversation.element.alternatives.element.element.model": 134,
    "conversation.alternatives.element.created_at": 135,
    "conversation.element.alternatives.element.element.created_at": 135,
    "conversation.alternatives.element.attachments": 136,
    "conversation.element.alternatives.element.element.attachments": 136,
    "conversation.alternatives.element.attachments.element": 137,
    "conversation.element.alternatives.element.element.attachments.element": 137,
    "conversation.alternatives.element.attachments.kind": 138,
    "conversation.element.alternatives.element.element.attachments.element.kind": 138,
    "conversation.alternatives.element.attachments.media_type": 139,
    "conversation.element.alternatives.element.element.attachments.element.media_type": 139,
    "conversation.alternatives.element.attachments.name": 140,
    "conversation.element.alternatives.element.element.attachments.element.name": 140,
    "conversation.alternatives.element.attachments.bytes": 141,
    "conversation.element.alternatives.element.element.attachments.element.bytes": 141,
    "conversation.alternatives.element.attachments.sha256": 142,
    "conversation.element.alternatives.element.element.attachments.element.sha256": 142,
    "conversation.alternatives.element.attachments.text": 143,
    "conversation.element.alternatives.element.element.attachments.element.text": 143,
    "created_at": 200,
    "title": 201,
    "client": 202,
    "client.name": 203,
    "client.version": 204,
    "licence": 205,
    "tools": 206,
    "labels": 207,
    "labels.key": 208,
    "labels.value": 209,
    "terms_version": 220,
}


def test_every_column_keeps_its_field_id() -> None:
    for name, field_id in _FIELD_IDS.items():
        assert SCHEMA.find_field(name).field_id == field_id, name
    assert index_by_name(SCHEMA).keys() == _FIELD_IDS.keys()


def test_the_migrated_table_has_the_field_ids_of_the_schema(table: Table) -> None:
    for name, field_id in _FIELD_IDS.items():
        assert table.schema().find_field(name).field_id == field_id, name


def test_a_column_is_required_when_every_contribution_has_it() -> None:
    required = {field.name for field in SCHEMA.fields if field.required}
    assert required == {
        "contribution_id",
        "conversation_id",
        "received_at",
        "agent_id",
        "conversation",
        "content_hash",
    }


def test_the_columns_are_a_contributions_fields_and_the_sequence_number() -> None:
    contribution = set(Contribution.__struct_fields__)
    assert {field.name for field in SCHEMA.fields} == contribution | {"sequence_number"}
    turn = ARROW_SCHEMA.field("conversation").type.value_type
    assert [field.name for field in turn] == list(Turn.__struct_fields__)


def test_days_partition_by_the_servers_clock() -> None:
    (partition,) = PARTITION_SPEC.fields
    assert isinstance(partition.transform, DayTransform)
    assert SCHEMA.find_field(partition.source_id).name == "received_at"
    assert isinstance(SCHEMA.find_field("received_at").field_type, TimestamptzType)


def test_a_data_file_lies_in_its_days_folder_as_zstd_parquet(table: Table) -> None:
    received_at = datetime(2026, 3, 1, 23, 59, 59, 999_000, UTC)
    append_batch(table, uuid4(), [make_contribution("x" * 100, received_at=received_at)])
    (path,) = Path(table.location().removeprefix("file://")).rglob("*.parquet")
    assert path.parent.name == f"received_at_day={date(2026, 3, 1)}"
    metadata = pq.ParquetFile(path).metadata
    codecs = {metadata.row_group(0).column(i).compression for i in range(metadata.num_columns)}
    assert codecs == {"ZSTD"}


def test_a_commit_is_never_retried_by_pyiceberg_itself(table: Table) -> None:
    assert table.metadata.format_version == 2
    assert table.properties["commit.retry.num-retries"] == "0"
    assert table.properties["commit.manifest-merge.enabled"] == "true"
