from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from catalog.errors import CommitConflict
from catalog.maintenance.compaction import (
    CompactionSizes,
    CompactionStopped,
    DayOfSmallFiles,
    RowsDiffer,
    compact,
    small_files,
)
from catalog.reading.plans import plan
from catalog.schema import ROW_GROUP_ROWS, TABLE_IDENTIFIER
from catalog.snapshots import Snapshot, live_snapshots
from catalog.table import append_batch, load_table
from tests.batches import FEW_ROWS, scan_in_batches
from tests.catalog.maintenance.history import (
    DAY,
    NEXT_DAY,
    SIZES,
    append_commits,
    compact_all,
    files_at,
    rows_at,
)
from tests.catalog.races import InterruptedCatalog, PowerCut, cut_power
from tests.factories import make_contribution, make_received

FAR = DAY + timedelta(days=1_000)


def _day(table: Table) -> DayOfSmallFiles:
    (day,) = small_files(table, SIZES, FAR)
    return day


def _newest(table: Table) -> Snapshot:
    return next(live_snapshots(table))


def _data_files(table: Table) -> set[str]:
    root = Path(table.location().removeprefix("file://"))
    return {f"file://{path}" for path in root.rglob("*.parquet")}


@pytest.mark.slow
def test_the_small_files_of_a_day_become_one(table: Table) -> None:
    append_commits(table, 5)
    (compacted,) = compact_all(table)
    newest = _newest(table)
    assert newest == compacted.snapshot
    assert len(plan(table, newest)) == compacted.files == 1
    assert compacted.size_bytes == newest.added_bytes


@pytest.mark.slow
def test_a_compaction_adds_no_rows_to_the_counts(table: Table) -> None:
    append_commits(table, 5)
    (compacted,) = compact_all(table)
    snapshot = compacted.snapshot
    assert (snapshot.operation, snapshot.added_rows, snapshot.total_rows) == ("replace", 0, 10)
    assert snapshot.batch_id is None
    (appended,) = append_commits(table, 1)
    assert (appended.operation, appended.added_rows, appended.total_rows) == ("append", 2, 12)


@pytest.mark.slow
@pytest.mark.parametrize("batch_rows", FEW_ROWS)
def test_every_snapshot_reads_the_same_rows_in_the_same_order(
    table: Table, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    scan_in_batches(monkeypatch, batch_rows)
    snapshots = append_commits(table, 4)
    before = [rows_at(table, snapshot) for snapshot in snapshots]
    compact_all(table)
    snapshots += append_commits(table, 3)
    before += [rows_at(table, snapshot) for snapshot in snapshots[4:]]
    # A second time, when one of the small files was written by the first compaction.
    compact_all(table)
    assert len(plan(table, snapshots[-1])) == 1
    for snapshot, rows in zip(snapshots, before, strict=True):
        assert rows_at(table, snapshot).equals(rows)


@pytest.mark.slow
def test_every_row_has_its_sequence_number_written_out(table: Table) -> None:
    append_commits(table, 3)
    (compacted,) = compact_all(table)
    (path,) = files_at(table, compacted.snapshot)
    numbers = pq.read_table(path.removeprefix("file://"))["sequence_number"]
    assert numbers.to_pylist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.slow
def test_the_file_is_one_that_any_engine_reads(catalog: SqlCatalog, table: Table) -> None:
    rows = append_commits(table, 3)[-1].total_rows
    before = load_table(catalog).scan().to_arrow().sort_by("contribution_id")
    compact_all(table)
    after = catalog.load_table(TABLE_IDENTIFIER).scan().to_arrow().sort_by("contribution_id")
    assert after.num_rows == rows
    other = [name for name in before.schema.names if name != "sequence_number"]
    assert after.select(other).equals(before.select(other))


@pytest.mark.slow
def test_a_reader_that_planned_before_reads_on(table: Table) -> None:
    snapshots = append_commits(table, 3)
    reader = load_table(table.catalog)
    expected = rows_at(reader, snapshots[-1])
    compact_all(table)
    # The reader keeps planning on the table as it was when it was loaded.
    assert rows_at(reader, snapshots[-1]).equals(expected)
    assert len(plan(reader, snapshots[-1])) == 3


@pytest.mark.slow
def test_days_are_compacted_apart(table: Table) -> None:
    append_commits(table, 2, day=0)
    append_commits(table, 2, day=1)
    first, second = small_files(table, SIZES, FAR)
    assert (first.day, second.day) == (DAY, NEXT_DAY)
    compact(table, first, SIZES)
    assert [day.day for day in small_files(table, SIZES, FAR)] == [NEXT_DAY]


@pytest.mark.slow
def test_a_closed_day_of_one_file_is_left_alone(table: Table) -> None:
    append_commits(table, 1)
    assert small_files(table, SIZES, FAR) == []
    append_commits(table, 1)
    compact_all(table)
    assert small_files(table, SIZES, FAR) == []


def test_an_empty_table_has_nothing_to_compact(table: Table) -> None:
    assert small_files(table, SIZES, FAR) == []


@pytest.mark.slow
def test_a_day_that_grows_waits_for_enough_fresh_files(table: Table) -> None:
    append_commits(table, SIZES.open_day_files - 1)
    assert small_files(table, SIZES, DAY) == []
    append_commits(table, 1)
    (day,) = small_files(table, SIZES, DAY)
    assert len(day.files) == SIZES.open_day_files
    compact(table, day, SIZES)
    # A compacted file isn't compacted again until the day is closed.
    append_commits(table, SIZES.open_day_files)
    (day,) = small_files(table, SIZES, DAY)
    assert len(day.files) == SIZES.open_day_files
    compact(table, day, SIZES)
    assert len(_day(table).files) == 2


@pytest.mark.slow
def test_large_files_stay_and_separate_runs_of_small_files(table: Table) -> None:
    append_commits(table, 2)
    (large,) = append_commits(table, 1, rows=500)
    last = append_commits(table, 3)[-1]
    before = rows_at(table, last)
    (size,) = [f.size_bytes for f in plan(table, last) if f.sequence_number == 3]
    sizes = CompactionSizes(target_bytes=2 * size, open_day_files=100)
    (day,) = small_files(table, sizes, FAR)
    assert [len(run) for run in day.runs] == [2, 3]
    compact(table, day, sizes)
    assert [file.rows for file in plan(table, last)] == [4, large.added_rows, 6]
    assert rows_at(table, last).equals(before)


@pytest.mark.slow
def test_a_full_file_is_followed_by_another(table: Table) -> None:
    snapshot = append_commits(table, 2, rows=ROW_GROUP_ROWS + 10)[-1]
    before = rows_at(table, snapshot)
    sizes = CompactionSizes(target_bytes=10_000, open_day_files=100)
    huge = CompactionSizes(target_bytes=10**9, open_day_files=100)
    (day,) = small_files(table, huge, FAR)
    compact(table, day, sizes)
    assert [file.rows for file in plan(table, snapshot)] == [ROW_GROUP_ROWS, ROW_GROUP_ROWS, 20]
    assert rows_at(table, snapshot).equals(before)


@pytest.mark.slow
def test_a_snapshot_reads_no_file_that_is_newer_as_a_whole(table: Table) -> None:
    first = append_commits(table, 2)
    compact_all(table)
    append_commits(table, 2)
    assert len(plan(table, first[0])) == 1
    assert plan(table, first[0])[0].until == first[0].sequence_number
    assert plan(table, first[1])[0].until is None


@pytest.mark.slow
def test_appends_that_come_first_are_kept_and_nothing_is_written_again(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, table: Table
) -> None:
    append_commits(table, 3)
    appended = _data_files(table)
    compacted_files: list[set[str]] = []

    def append() -> None:
        before = _data_files(table)
        compacted_files.append(before - appended)
        if len(compacted_files) <= 3:
            append_commits(load_table(catalog), 1)
            appended.update(_data_files(table) - before)

    interrupted.before_swap = append
    stale = load_table(interrupted)
    compacted = compact(stale, _day(stale), SIZES)
    assert compacted is not None
    newest = load_table(catalog)
    assert _newest(newest).total_rows == 12
    assert len(rows_at(newest, _newest(newest))) == 12
    assert len(plan(newest, _newest(newest))) == 1 + 3
    assert len(compacted_files) == 4
    assert compacted_files[0]
    assert all(each == compacted_files[0] for each in compacted_files)


@pytest.mark.slow
def test_a_compaction_that_always_loses_gives_up_and_the_table_is_as_the_winners_left_it(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, table: Table
) -> None:
    append_commits(table, 3)

    def append() -> None:
        append_commits(load_table(catalog), 1, rows=1)

    interrupted.before_swap = append
    stale = load_table(interrupted)
    with pytest.raises(CommitConflict):
        compact(stale, _day(stale), SIZES)
    newest = load_table(catalog)
    assert {each.operation for each in live_snapshots(newest)} == {"append"}
    assert _data_files(newest) == files_at(newest, _newest(newest))


@pytest.mark.slow
def test_two_compactions_of_a_day_count_once(catalog: SqlCatalog, table: Table) -> None:
    snapshot = append_commits(table, 3)[-1]
    before = rows_at(table, snapshot)
    other = load_table(catalog)
    day = _day(other)
    compact_all(table)
    assert compact(other, day, SIZES) is None
    newest = load_table(catalog)
    assert rows_at(newest, _newest(newest)).equals(before)
    assert len(newest.metadata.snapshots) == 4


@pytest.mark.slow
def test_an_append_that_lost_to_a_compaction_is_not_in_the_table(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, table: Table
) -> None:
    append_commits(table, 3)

    def compact_first() -> None:
        compact_all(load_table(catalog))

    interrupted.before_commit = compact_first
    with pytest.raises(CommitConflict):
        append_batch(load_table(interrupted), uuid4(), [make_received()])
    assert _newest(load_table(catalog)).total_rows == 6


@pytest.mark.slow
@pytest.mark.parametrize("seam", ["before_commit", "before_swap"])
def test_a_compaction_that_is_cut_off_leaves_the_table_as_it_was(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, table: Table, seam: str
) -> None:
    snapshot = append_commits(table, 3)[-1]
    before = rows_at(table, snapshot)
    setattr(interrupted, seam, cut_power)
    stale = load_table(interrupted)
    with pytest.raises(PowerCut):
        compact(stale, _day(stale), SIZES)
    newest = load_table(catalog)
    assert _newest(newest) == snapshot
    assert rows_at(newest, snapshot).equals(before)
    assert len(compact_all(newest)) == 1


@pytest.mark.slow
def test_a_commit_that_succeeded_with_an_error_keeps_its_files(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, table: Table
) -> None:
    snapshot = append_commits(table, 3)[-1]
    before = rows_at(table, snapshot)
    interrupted.after_commit = cut_power
    stale = load_table(interrupted)
    with pytest.raises(PowerCut):
        compact(stale, _day(stale), SIZES)
    newest = load_table(catalog)
    assert _newest(newest).operation == "replace"
    assert rows_at(newest, snapshot).equals(before)
    assert compact_all(newest) == []


def test_stopping_leaves_no_file(table: Table) -> None:
    append_commits(table, 3)
    before = _data_files(table)
    with pytest.raises(CompactionStopped):
        compact(table, _day(table), SIZES, keep_going=lambda: False)
    assert _data_files(table) == before
    assert _newest(table).operation == "append"


@pytest.mark.slow
def test_stopping_in_the_middle_leaves_no_file(table: Table) -> None:
    append_commits(table, 2, rows=ROW_GROUP_ROWS)
    before = _data_files(table)
    answers = iter([True, False])
    with pytest.raises(CompactionStopped):
        compact(table, _day(table), SIZES, keep_going=lambda: next(answers))
    assert _data_files(table) == before


def test_a_file_that_lost_rows_is_not_made_the_truth(table: Table) -> None:
    append_commits(table, 3)
    day = _day(table)
    path = day.files[0].path.removeprefix("file://")
    pq.write_table(pq.read_table(path).slice(0, 1), path)
    before = _data_files(table)
    with pytest.raises(RowsDiffer) as caught:
        compact(table, day, SIZES)
    assert (caught.value.day, caught.value.rows, caught.value.written) == (DAY, 6, 5)
    assert _data_files(table) == before
    assert _newest(table).operation == "append"


@pytest.mark.slow
def test_a_compaction_holds_a_row_group_in_memory_not_the_day(table: Table) -> None:
    append_commits(table, 8, rows=ROW_GROUP_ROWS)
    day = _day(table)
    used: list[int] = []

    def measure() -> bool:
        used.append(pa.total_allocated_bytes())
        return True

    before = pa.total_allocated_bytes()
    compact(table, day, SIZES, measure)
    one = max(used[:1]) - before
    assert len(used) == 8 + 1
    # One row group is read, one is passed on, and one is written.
    assert max(used) - before < 3.5 * one


@pytest.mark.slow
def test_merged_manifests_and_replaced_files_keep_the_numbers_of_rows(table: Table) -> None:
    with table.transaction() as change:
        change.set_properties({"commit.manifest.min-count-to-merge": "3"})
    snapshots = append_commits(table, 4)
    before = [rows_at(table, snapshot) for snapshot in snapshots]
    compact_all(table)
    for _ in range(3):
        append_commits(table, 3)
    compact_all(table)
    for snapshot, rows in zip(snapshots, before, strict=True):
        assert rows_at(table, snapshot).equals(rows)


@pytest.mark.slow
def test_a_compacted_file_has_the_optional_fields_of_the_files_that_it_replaces(
    table: Table,
) -> None:
    append_batch(table, uuid4(), [make_contribution("plain"), make_contribution("plain, too")])
    append_batch(table.refresh(), uuid4(), [make_contribution("titled", title="a title")])
    table.refresh()
    before = rows_at(table, _newest(table))
    compact(table, _day(table), SIZES)
    (file,) = plan(table.refresh(), _newest(table))
    schema = pq.read_schema(urlsplit(file.path).path)
    assert "title" in schema.names
    assert "labels" not in schema.names
    assert rows_at(table, _newest(table)) == before
