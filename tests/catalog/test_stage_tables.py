"""The tables of the stages: replacing days, and the order in which rows are read."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

import catalog.staging
from catalog.connection import open_catalog
from catalog.errors import CommitConflict, SnapshotNotFound, TableNotFound
from catalog.schema import ROW_GROUP_ROWS
from catalog.snapshots import tag_snapshot
from catalog.stage_tables import (
    replace_days,
    source_of,
    stage_rows,
    table_arrow_schema,
)
from catalog.stages import (
    COMPUTED_STAGES,
    DROPPED_ARROW_SCHEMA,
    DROPPED_SCHEMA,
    PARTITION_SPEC,
    SOURCE_SNAPSHOT_PROPERTY,
)
from catalog.staging import StagedFile, StagedFiles
from catalog.table import load_table
from tests.batches import FEW_ROWS, scan_in_batches
from tests.catalog.races import InterruptedCatalog

FIRST = date(2026, 3, 1)
SOURCE = {SOURCE_SNAPSHOT_PROPERTY: "7"}


@pytest.fixture
def dropped(catalog: SqlCatalog) -> Table:
    """The simplest table of a stage."""
    return load_table(catalog, COMPUTED_STAGES["curated"].dropped)


def make_rows(day: int, numbers: Sequence[int], reason: str = "empty") -> pa.Table:
    """Return rows of a day, a second apart."""
    start = datetime(2026, 3, 1 + day, tzinfo=UTC)
    rows = [
        {
            "contribution_id": f"{day}-{number:06}",
            "received_at": start + timedelta(seconds=number),
            "reason": reason,
        }
        for number in numbers
    ]
    return pa.Table.from_pylist(rows, DROPPED_ARROW_SCHEMA)


def stage(table: Table, *groups: pa.Table) -> list[StagedFile]:
    """Write rows to files, group by group."""
    files = StagedFiles(table, uuid4())
    for group in groups:
        files.write(group)
    return files.finish()


def read_ids(table: Table, snapshot_id: int, days: Sequence[date] | None = None) -> list[str]:
    batches = stage_rows(table, snapshot_id, ["contribution_id"], days)
    return [name for batch in batches for name in batch.column(0).to_pylist()]


def test_the_migrated_tables_are_those_that_are_described(catalog: SqlCatalog) -> None:
    for each in COMPUTED_STAGES.values():
        for identifier, schema in ((each.rows, each.schema), (each.dropped, DROPPED_SCHEMA)):
            table = load_table(catalog, identifier)
            assert table_arrow_schema(table).names == [field.name for field in schema.fields]
            assert [field.doc for field in table.schema().fields] == [
                field.doc for field in schema.fields
            ]
            (field,) = table.spec().fields
            assert field.transform == PARTITION_SPEC.fields[0].transform
            assert table.schema().find_column_name(field.source_id) == "received_at"
            identifiers = table.schema().identifier_field_names()
            assert identifiers == {"contribution_id"}
            assert table.properties["commit.retry.num-retries"] == "0"
        assert table_arrow_schema(load_table(catalog, each.rows)) == each.arrow_schema


def test_without_migrations_there_is_no_table(tmp_path: Path) -> None:
    empty = open_catalog(f"sqlite:///{tmp_path}/empty.db", f"file://{tmp_path}/warehouse")
    with pytest.raises(TableNotFound):
        load_table(empty, COMPUTED_STAGES["cleaned"].rows)


def test_only_the_days_that_are_given_are_replaced(dropped: Table) -> None:
    first = replace_days(
        dropped,
        [FIRST, date(2026, 3, 2)],
        stage(dropped, make_rows(0, [1, 2]), make_rows(1, [1])),
        SOURCE,
    )
    second = replace_days(dropped, [FIRST], stage(dropped, make_rows(0, [3])), SOURCE)
    assert read_ids(dropped, second) == ["0-000003", "1-000001"]
    assert read_ids(dropped, first) == ["0-000001", "0-000002", "1-000001"]
    snapshot = dropped.metadata.snapshot_by_id(second)
    assert snapshot
    assert snapshot.parent_snapshot_id == first


def test_a_day_without_new_rows_becomes_empty(dropped: Table) -> None:
    replace_days(dropped, [FIRST], stage(dropped, make_rows(0, [1])), SOURCE)
    emptied = replace_days(dropped, [FIRST], [], SOURCE)
    assert read_ids(dropped, emptied) == []


def test_a_snapshot_names_its_source_even_when_nothing_is_replaced(dropped: Table) -> None:
    assert source_of(dropped) is None
    first = replace_days(dropped, [], [], SOURCE)
    assert read_ids(dropped, first) == []
    replace_days(dropped, [], [], {SOURCE_SNAPSHOT_PROPERTY: "8"})
    assert (source_of(dropped), source_of(dropped, first)) == (8, 7)


def test_rows_come_in_their_order_over_files_and_days(
    dropped: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog.staging, "TARGET_FILE_SIZE_BYTES", 1)
    groups = [make_rows(day, range(n, n + 2)) for day in (0, 1) for n in range(0, 24, 2)]
    files = stage(dropped, *groups)
    assert len(files) == 24
    snapshot_id = replace_days(dropped, [FIRST], files[::-1], SOURCE)
    expected = [name for group in groups for name in group["contribution_id"].to_pylist()]
    assert read_ids(dropped, snapshot_id) == expected
    assert read_ids(dropped, snapshot_id, [date(2026, 3, 2)]) == expected[24:]
    assert read_ids(dropped, snapshot_id, [FIRST]) == expected[:24]


def test_no_file_of_another_day_is_opened(dropped: Table) -> None:
    files = stage(dropped, make_rows(0, [1]), make_rows(1, [1]))
    snapshot_id = replace_days(dropped, [FIRST], files, SOURCE)
    dropped.io.delete(files[0].path)
    assert read_ids(dropped, snapshot_id, [date(2026, 3, 2)]) == ["1-000001"]
    with pytest.raises(FileNotFoundError):
        read_ids(dropped, snapshot_id)


def test_rows_of_some_ids_are_found_among_many(dropped: Table) -> None:
    many = range(3 * ROW_GROUP_ROWS)
    snapshot_id = replace_days(dropped, [FIRST], stage(dropped, make_rows(0, many)), SOURCE)
    wanted = ["0-020000", "0-000005", "9-000000"]
    batches = stage_rows(dropped, snapshot_id, ["reason", "contribution_id"], None, wanted)
    rows = pa.Table.from_batches(batches)
    assert rows.column_names == ["reason", "contribution_id"]
    assert rows["contribution_id"].to_pylist() == ["0-000005", "0-020000"]
    assert (
        pa.Table.from_batches(
            stage_rows(dropped, snapshot_id, None, [FIRST], []), DROPPED_ARROW_SCHEMA
        ).num_rows
        == 0
    )


@pytest.mark.parametrize("batch_rows", FEW_ROWS)
def test_rows_are_found_in_batches_of_any_size(
    dropped: Table, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    scan_in_batches(monkeypatch, batch_rows)
    snapshot_id = replace_days(dropped, [FIRST], stage(dropped, make_rows(0, range(7))), SOURCE)
    rows = make_rows(0, range(7))
    assert pa.Table.from_batches(stage_rows(dropped, snapshot_id)) == rows
    for number in range(7):
        wanted = rows["contribution_id"][number].as_py()
        found = stage_rows(dropped, snapshot_id, ids=[wanted])
        assert pa.Table.from_batches(found) == rows.slice(number, 1)


def test_all_columns_come_with_their_own_types(dropped: Table) -> None:
    snapshot_id = replace_days(dropped, [FIRST], stage(dropped, make_rows(0, [1])), SOURCE)
    (batch,) = stage_rows(dropped, snapshot_id)
    assert batch.schema == DROPPED_ARROW_SCHEMA
    assert pa.Table.from_batches([batch]).equals(make_rows(0, [1]))


def test_an_unknown_snapshot_of_a_stage_is_not_found(dropped: Table) -> None:
    with pytest.raises(SnapshotNotFound):
        list(stage_rows(dropped, 1))
    with pytest.raises(SnapshotNotFound):
        source_of(dropped, 1)


def test_another_writer_in_between_is_an_error_and_nothing_is_replaced(
    dropped: Table, interrupted: InterruptedCatalog
) -> None:
    theirs = load_table(interrupted, COMPUTED_STAGES["curated"].dropped)
    ours = replace_days(dropped, [FIRST], stage(dropped, make_rows(0, [1])), SOURCE)
    files = stage(theirs, make_rows(0, [2]))

    def overtake() -> None:
        replace_days(dropped, [], [], SOURCE)

    interrupted.before_swap = overtake
    with pytest.raises(CommitConflict):
        replace_days(theirs, [FIRST], files, SOURCE)
    dropped.refresh()
    newest = dropped.current_snapshot()
    assert newest
    assert newest.snapshot_id != ours
    assert read_ids(dropped, newest.snapshot_id) == ["0-000001"]


def test_a_tag_that_is_set_in_between_holds_up_nothing(
    dropped: Table, interrupted: InterruptedCatalog
) -> None:
    theirs = load_table(interrupted, COMPUTED_STAGES["curated"].dropped)
    first = replace_days(dropped, [FIRST], stage(dropped, make_rows(0, [1])), SOURCE)
    files = stage(theirs, make_rows(0, [2]))
    tags = iter(["a", "b"])

    def tag() -> None:
        for name in tags:
            tag_snapshot(dropped, name, first)
            return

    interrupted.before_swap = tag
    second = replace_days(theirs, [FIRST], files, SOURCE)
    assert read_ids(theirs, second) == ["0-000002"]
    assert read_ids(theirs, first) == ["0-000001"]
    assert theirs.metadata.refs.keys() == {"main", "a", "b"}
    assert len(theirs.metadata.snapshots) == 2
