"""A lake of before step 3, with data files that lack the columns of that step."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import migrations.lake
import migrations.sql
from app.state.db import Database
from catalog.connection import open_catalog
from catalog.maintenance.thinning import thin
from catalog.records import AlternativeTurn, Attachment, Client, Contribution, ToolCall, Turn
from catalog.snapshots import Snapshot
from catalog.table import append_batch, load_table
from tests.catalog.maintenance.history import compact_all, rows_at
from tests.factories import make_received, make_turns
from tests.old_lakes import REVISION, append_old, in_first_columns, make_old_tables

CALL = ToolCall("call-1", "look_up", "{}")
FULL = Turn(
    "Blue.",
    "assistant",
    reasoning="Rayleigh",
    tool_calls=(CALL,),
    model="m-1",
    created_at=datetime(2026, 11, 24, tzinfo=UTC),
    attachments=(Attachment("image", bytes=17),),
    alternatives=((AlternativeTurn("Red.", "assistant", tool_calls=(CALL,)),),),
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqlCatalog]:
    """A lake with its first columns."""
    made = open_catalog(f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/warehouse")
    make_old_tables(made)
    yield made
    made.engine.dispose()


def make_full() -> Contribution:
    return make_received(
        0,
        conversation=(*make_turns("Why?"), FULL),
        title="Sky",
        client=Client("app"),
        labels={"a": "b", "c": ""},
        tools="[]",
    )


def old_rows(catalog: SqlCatalog, snapshots: list[Snapshot]) -> list[pa.Table]:
    table = load_table(catalog)
    return [in_first_columns(rows_at(table, snapshot)) for snapshot in snapshots]


@pytest.mark.slow
def test_snapshots_of_before_have_the_same_rows_whatever_is_done_to_the_lake(
    catalog: SqlCatalog, database: Database
) -> None:
    table = load_table(catalog)
    snapshots = [append_old(table, [make_received(0), make_received(1)]) for _ in range(3)]
    by_iceberg = [table.scan(snapshot_id=each.snapshot_id).to_arrow() for each in snapshots]

    assert migrations.lake.upgrade(catalog, database) == [
        step for step in migrations.lake.steps() if step > REVISION
    ]
    table = load_table(catalog)
    assert [
        table.scan(snapshot_id=each.snapshot_id).to_arrow().rename_columns(rows.column_names)
        for each, rows in zip(snapshots, by_iceberg, strict=True)
    ] == by_iceberg
    expected = old_rows(catalog, snapshots)
    assert [rows.num_rows for rows in expected] == [2, 4, 6]

    both = append_batch(table, uuid4(), [make_full(), make_received(1)])
    of_both = rows_at(load_table(catalog), both)
    assert [row["title"] for row in of_both.to_pylist()].count("Sky") == 1
    assert old_rows(catalog, snapshots) == expected

    assert compact_all(load_table(catalog))
    thin(load_table(catalog), snapshots, datetime.now(UTC))
    table = load_table(catalog)
    assert snapshots[0].snapshot_id not in {each.snapshot_id for each in table.snapshots()}
    assert old_rows(catalog, snapshots) == expected
    numbers = of_both.schema.get_field_index("sequence_number")
    assert rows_at(table, both).remove_column(numbers) == of_both.remove_column(numbers)


def test_what_a_row_has_beside_texts_is_read_as_it_was_written(
    catalog: SqlCatalog, database: Database
) -> None:
    append_old(load_table(catalog), [make_received(0)])
    migrations.lake.upgrade(catalog, database)
    snapshot = append_batch(load_table(catalog), uuid4(), [make_full()])
    old, full = rows_at(load_table(catalog), snapshot).to_pylist()
    assert (old["title"], old["labels"], old["conversation"][0]["tool_calls"]) == (None, None, None)
    assert full["labels"] == [("a", "b"), ("c", "")]
    assert full["client"] == {"name": "app", "version": None}
    plain, turn = full["conversation"]
    assert (plain["model"], turn["model"], turn["reasoning"]) == (None, "m-1", "Rayleigh")
    call = {"id": "call-1", "name": "look_up", "arguments": "{}"}
    assert turn["tool_calls"] == [call]
    assert turn["attachments"][0]["bytes"] == 17
    assert turn["created_at"] == FULL.created_at
    (((alternative,),),) = (turn["alternatives"],)
    assert (alternative["content"], alternative["tool_calls"]) == ("Red.", [call])
