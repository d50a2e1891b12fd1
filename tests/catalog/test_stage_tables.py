"""The tables of the stages: replacing files, and the order in which rows are read."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

import catalog.staging
from catalog import stage_tables
from catalog.connection import open_catalog
from catalog.errors import CommitConflict, SnapshotNotFound, TableNotFound
from catalog.schema import ROW_GROUP_ROWS
from catalog.snapshots import tag_snapshot
from catalog.stage_tables import (
    StageReader,
    newest_build,
    replace_files,
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

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = {SOURCE_SNAPSHOT_PROPERTY: "7"}


@pytest.fixture
def dropped(catalog: SqlCatalog) -> Table:
    """The simplest table of a stage."""
    return load_table(catalog, COMPUTED_STAGES["curated"].dropped)


def moment(day: int, number: int) -> datetime:
    """Return a moment that many seconds after a day's begin."""
    return START + day * DAY + timedelta(seconds=number)


def name(day: int, number: int) -> str:
    """Return a UUIDv7 of this moment."""
    milliseconds = int(moment(day, number).timestamp() * 1000)
    return str(UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62))


def make_rows(day: int, numbers: Sequence[int], reason: str = "empty") -> pa.Table:
    """Return rows of a day, a second apart."""
    rows = [
        {
            "contribution_id": name(day, number),
            "received_at": moment(day, number),
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


def read_ids(
    table: Table, snapshot_id: int, between: tuple[datetime, datetime] | None = None
) -> list[str]:
    batches = StageReader(table, snapshot_id).rows(["contribution_id"], between)
    return [found for batch in batches for found in batch.column(0).to_pylist()]


def replace(
    table: Table, files: Sequence[StagedFile], is_replaced: Callable[[datetime], bool] | None = None
) -> int:
    """Replace files; those of all rows when nothing else is told."""
    return replace_files(table, is_replaced or (lambda _: True), files, SOURCE)


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


def test_only_files_that_begin_at_replaced_times_are_replaced(dropped: Table) -> None:
    files = stage(dropped, make_rows(0, [1, 2]), make_rows(1, [1]))
    first = replace(dropped, files)
    second = replace(dropped, stage(dropped, make_rows(0, [3])), lambda at: at == moment(0, 1))
    assert read_ids(dropped, second) == [name(0, 3), name(1, 1)]
    assert read_ids(dropped, first) == [name(0, 1), name(0, 2), name(1, 1)]
    snapshot = dropped.metadata.snapshot_by_id(second)
    assert snapshot
    assert snapshot.parent_snapshot_id == first
    assert read_ids(dropped, replace(dropped, [])) == []


def test_a_snapshot_names_its_source_even_when_nothing_is_replaced(dropped: Table) -> None:
    assert source_of(dropped) is None
    first = replace(dropped, [])
    assert read_ids(dropped, first) == []
    replace_files(dropped, lambda _: False, [], {SOURCE_SNAPSHOT_PROPERTY: "8"})
    assert (source_of(dropped), source_of(dropped, first)) == (8, 7)


@pytest.mark.slow
def test_manifests_are_merged_and_files_stay_as_they_were(
    dropped: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_tables, "MOST_SMALL_MANIFESTS", 4)
    for day in range(9):
        replace(dropped, stage(dropped, make_rows(day, range(2))), lambda _: False)
    replace(dropped, stage(dropped, make_rows(3, range(5))), lambda at: at == moment(3, 0))
    newest = dropped.current_snapshot()
    assert newest is not None
    assert len(newest.manifests(dropped.io)) <= 5
    expected = [name(day, number) for day in range(9) for number in range(5 if day == 3 else 2)]
    assert read_ids(dropped, newest.snapshot_id) == expected
    assert source_of(dropped) == 7


def test_the_newest_build_is_of_any_snapshot_or_of_a_given_one(dropped: Table) -> None:
    assert newest_build(dropped) is None
    dropped.append(make_rows(0, [1]))
    assert newest_build(dropped.refresh()) is None
    first, second, third = (
        replace_files(dropped, lambda _: False, [], {SOURCE_SNAPSHOT_PROPERTY: source})
        for source in ("7", "7", "8")
    )
    assert first != second
    assert [newest_build(dropped, source) for source in (None, 7, 8, 9)] == [
        third,
        second,
        third,
        None,
    ]


@pytest.mark.slow
def test_rows_come_in_their_order_over_files_days_and_builds(
    dropped: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog.staging, "TARGET_FILE_SIZE_BYTES", 1)
    groups = [make_rows(day, range(n, n + 2)) for day in (0, 1) for n in range(0, 24, 2)]
    for build in (groups[1::2], groups[::2]):
        files = stage(dropped, *build)
        assert len(files) == 12
        snapshot_id = replace(dropped, files[::-1], lambda _: False)
    expected = [found for group in groups for found in group["contribution_id"].to_pylist()]
    assert read_ids(dropped, snapshot_id) == expected
    assert read_ids(dropped, snapshot_id, (moment(1, 0), moment(2, 0))) == expected[24:]
    assert read_ids(dropped, snapshot_id, (moment(0, 2), moment(0, 6))) == expected[2:6]


def test_rows_of_one_moment_in_two_files_come_in_the_order_in_which_they_were_written(
    dropped: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog.staging, "TARGET_FILE_SIZE_BYTES", 1)
    rows = make_rows(0, [5] * 6).set_column(0, "contribution_id", pa.array(list("abcdef")))
    rows = rows.cast(DROPPED_ARROW_SCHEMA)
    files = stage(dropped, *(rows.slice(number, 1) for number in range(6)))
    assert len(files) == 6
    assert read_ids(dropped, replace(dropped, files[::-1])) == list("abcdef")


def test_no_file_of_another_time_is_opened(dropped: Table) -> None:
    files = stage(dropped, make_rows(0, [1, 3]), make_rows(1, [1]))
    snapshot_id = replace(dropped, files)
    dropped.io.delete(files[0].path)
    assert read_ids(dropped, snapshot_id, (moment(1, 0), moment(2, 0))) == [name(1, 1)]
    found = stage_rows(dropped, snapshot_id, ["reason"], [name(0, 0), name(0, 4), name(1, 1)])
    assert pa.Table.from_batches(found).num_rows == 1
    for ids in (None, [name(0, 1)], [name(0, 2)], [name(0, 3)]):
        with pytest.raises(FileNotFoundError):
            list(stage_rows(dropped, snapshot_id, ids=ids))


@pytest.mark.slow
def test_rows_of_some_ids_are_found_among_many(dropped: Table) -> None:
    many = range(3 * ROW_GROUP_ROWS)
    snapshot_id = replace(dropped, stage(dropped, make_rows(0, many)))
    wanted = [name(0, 20000), name(0, 5), name(9, 0)]
    batches = stage_rows(dropped, snapshot_id, ["reason", "contribution_id"], wanted)
    rows = pa.Table.from_batches(batches)
    assert rows.column_names == ["reason", "contribution_id"]
    assert rows["contribution_id"].to_pylist() == [name(0, 5), name(0, 20000)]
    assert list(stage_rows(dropped, snapshot_id, ids=[])) == []


@pytest.mark.parametrize("batch_rows", FEW_ROWS)
def test_rows_are_found_in_batches_of_any_size(
    dropped: Table, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    scan_in_batches(monkeypatch, batch_rows)
    snapshot_id = replace(dropped, stage(dropped, make_rows(0, range(7))))
    rows = make_rows(0, range(7))
    assert pa.Table.from_batches(stage_rows(dropped, snapshot_id)) == rows
    for number in range(7):
        wanted = rows["contribution_id"][number].as_py()
        found = stage_rows(dropped, snapshot_id, ids=[wanted])
        assert pa.Table.from_batches(found) == rows.slice(number, 1)


def test_all_columns_come_with_their_own_types(dropped: Table) -> None:
    snapshot_id = replace(dropped, stage(dropped, make_rows(0, [1])))
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
    ours = replace(dropped, stage(dropped, make_rows(0, [1])))
    files = stage(theirs, make_rows(0, [2]))

    def overtake() -> None:
        replace(dropped, [], lambda _: False)

    interrupted.before_swap = overtake
    with pytest.raises(CommitConflict):
        replace(theirs, files)
    dropped.refresh()
    newest = dropped.current_snapshot()
    assert newest
    assert newest.snapshot_id != ours
    assert read_ids(dropped, newest.snapshot_id) == [name(0, 1)]


def test_a_tag_that_is_set_in_between_holds_up_nothing(
    dropped: Table, interrupted: InterruptedCatalog
) -> None:
    theirs = load_table(interrupted, COMPUTED_STAGES["curated"].dropped)
    first = replace(dropped, stage(dropped, make_rows(0, [1])))
    files = stage(theirs, make_rows(0, [2]))
    tags = iter(["a", "b"])

    def tag() -> None:
        for name in tags:
            tag_snapshot(dropped, name, first)
            return

    interrupted.before_swap = tag
    second = replace(theirs, files)
    assert read_ids(theirs, second) == [name(0, 2)]
    assert read_ids(theirs, first) == [name(0, 1)]
    assert theirs.metadata.refs.keys() == {"main", "a", "b"}
    assert len(theirs.metadata.snapshots) == 2
