from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet as pq
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
    "ingest_id": 2,
    "received_at": 3,
    "source": 4,
    "submitter_id": 5,
    "attribution": 6,
    "agent_id": 7,
    "prompt_template": 8,
    "chat_template": 9,
    "conversation": 10,
    "content_hash": 11,
    "sequence_number": 12,
    "conversation.element": 13,
    "conversation.element.content": 14,
    "conversation.element.role": 15,
    "conversation.element.rating": 16,
    "conversation.element.stopped": 17,
    "conversation.element.edited_content": 18,
}


def test_every_column_keeps_its_field_id() -> None:
    for name, field_id in _FIELD_IDS.items():
        assert SCHEMA.find_field(name).field_id == field_id, name
    assert SCHEMA.highest_field_id == len(_FIELD_IDS)


def test_the_migrated_table_has_the_field_ids_of_the_schema(table: Table) -> None:
    for name, field_id in _FIELD_IDS.items():
        assert table.schema().find_field(name).field_id == field_id, name


def test_a_column_is_required_when_every_contribution_has_it() -> None:
    required = {field.name for field in SCHEMA.fields if field.required}
    assert required == {
        "contribution_id",
        "ingest_id",
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
