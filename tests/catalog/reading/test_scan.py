from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.expressions import EqualTo
from pyiceberg.table import Table

from catalog.columns.arrow import to_arrow
from catalog.reading.fragments import BATCH_ROWS
from catalog.reading.plans import EVERY_ROW as ALL
from catalog.reading.plans import DataFile, plan
from catalog.reading.scan import count_rows, read, read_with_ids, schema_of
from catalog.schema import ARROW_SCHEMA, ID, ROW_GROUP_ROWS
from catalog.snapshots import Snapshot, live_snapshots
from tests.batches import FEW_ROWS, scan_in_batches
from tests.catalog.days import DAYS, append_rows, of_days, on, path_of
from tests.catalog.maintenance.history import append_commits, compact_all
from tests.factories import make_contribution, make_contribution_id, make_received


def _column(table: Table, files: Sequence[DataFile], name: str) -> list[object]:
    return [value for batch in read(table, files, [name]) for value in batch[name].to_pylist()]


def test_a_day_filter_reads_without_the_other_days_files(table: Table, snapshot: Snapshot) -> None:
    condition = of_days(DAYS[1], DAYS[1])
    wanted = plan(table, snapshot, condition)
    for file in plan(table, snapshot):
        if file not in wanted:
            path_of(file).unlink()
    (batch,) = read(table, wanted, row_filter=condition)
    assert batch["received_at"].to_pylist() == [on(DAYS[1])]


def test_a_range_of_days_includes_its_first_and_its_last_instant(table: Table) -> None:
    first, last = on(DAYS[1], 0), on(DAYS[2], 0) - timedelta(milliseconds=1)
    around = [first - timedelta(milliseconds=1), first, last, last + timedelta(milliseconds=1)]
    made = append_rows(table, [make_contribution(received_at=moment) for moment in around])
    condition = of_days(DAYS[1], DAYS[1])
    files = plan(table, made, condition)
    batches = list(read(table, files, ["received_at"], condition))
    assert sorted(pa.Table.from_batches(batches)["received_at"].to_pylist()) == [first, last]


def test_rows_that_do_not_match_are_left_out_of_files_that_are_read(table: Table) -> None:
    rows = [make_contribution(source=source) for source in ("a", "b", None, "b")]
    made = append_rows(table, rows)
    condition = EqualTo("source", "b")
    files = plan(table, made, condition)
    batches = list(read(table, files, ["contribution_id"], condition))
    found = pa.Table.from_batches(batches)["contribution_id"].to_pylist()
    assert found == [rows[1].contribution_id, rows[3].contribution_id]


def test_an_older_snapshot_still_reads_its_own_rows(table: Table) -> None:
    first = append_rows(table, [make_contribution("one")])
    append_rows(table, [make_contribution("two")])
    files = plan(table, first)
    (turns,) = _column(table, files, "conversation")
    assert isinstance(turns, list)
    assert turns[0]["content"] == "one"


def test_a_row_has_the_sequence_number_of_the_commit_that_added_it(table: Table) -> None:
    for _ in range(3):
        made = append_rows(table, [make_contribution(received_at=on(DAYS[0]))])
    assert _column(table, plan(table, made), "sequence_number") == [1, 2, 3]


@pytest.mark.slow
def test_a_rows_own_sequence_number_wins_over_its_files(table: Table) -> None:
    for _ in range(6):
        append_rows(table, [make_contribution(received_at=on(DAYS[0]))])
    # As compaction writes it: rows of several commits in one file.
    rows = to_arrow([make_contribution(received_at=on(DAYS[1])) for _ in range(3)])
    position = rows.schema.get_field_index("sequence_number")
    numbers = pa.array([4, None, 5], pa.int64())
    table.append(rows.set_column(position, rows.schema.field(position), numbers))
    newest = next(live_snapshots(table))
    files = plan(table, newest, of_days(DAYS[1], DAYS[1]))
    assert [file.sequence_number for file in files] == [7]
    assert _column(table, files, "sequence_number") == [4, 7, 5]


def test_batches_are_bounded_in_rows_and_hold_every_row_in_order(table: Table) -> None:
    rows = [make_contribution("x", received_at=on(DAYS[0])) for _ in range(2 * BATCH_ROWS + 10)]
    files = plan(table, append_rows(table, rows))
    assert len(files) == 1
    batches = list(read(table, files, ["contribution_id"]))
    assert max(batch.num_rows for batch in batches) <= BATCH_ROWS
    smaller = list(read(table, files, ["contribution_id"], batch_rows=100))
    assert max(batch.num_rows for batch in smaller) == 100
    assert pa.Table.from_batches(smaller) == pa.Table.from_batches(batches)
    found = pa.Table.from_batches(batches)["contribution_id"].to_pylist()
    assert found == [row.contribution_id for row in rows]


def test_files_are_opened_one_after_another(table: Table, snapshot: Snapshot) -> None:
    files = plan(table, snapshot)
    batches = read(table, files, ["contribution_id"])
    for file in files[1:]:
        path_of(file).unlink()
    assert next(batches).num_rows == 1
    with pytest.raises(FileNotFoundError):
        next(batches)


def test_a_scan_has_the_columns_that_were_asked_in_their_order(
    table: Table, snapshot: Snapshot
) -> None:
    columns = ["source", "sequence_number", "contribution_id"]
    for batch in read(table, plan(table, snapshot), columns):
        assert batch.schema == schema_of(columns)


def test_a_scan_of_every_column_has_the_raw_tables_schema(table: Table, snapshot: Snapshot) -> None:
    for batch in read(table, plan(table, snapshot)):
        assert batch.schema.equals(ARROW_SCHEMA)


def test_rows_can_be_filtered_by_a_column_that_is_not_read(table: Table) -> None:
    made = append_rows(table, [make_contribution(source=source) for source in ("a", "b")])
    files = plan(table, made)
    (batch,) = read(table, files, ["agent_id"], EqualTo("source", "a"))
    assert batch.num_rows == 1


def test_a_column_that_an_older_file_lacks_reads_as_null(table: Table, tmp_path: Path) -> None:
    later = ["attribution", "chat_template", "sequence_number"]
    row = make_contribution(received_at=on(DAYS[0]), source="kept", attribution="not written")
    path = tmp_path / "older.parquet"
    pq.write_table(to_arrow([row]).drop_columns(later), path)
    table.add_files([f"file://{path}"])
    newest = next(live_snapshots(table))
    (batch,) = read(table, plan(table, newest))
    (read_back,) = batch.to_pylist()
    assert read_back["source"] == "kept"
    assert read_back["attribution"] is None
    assert read_back["chat_template"] is None
    assert read_back["sequence_number"] == newest.sequence_number


def test_filtering_by_a_column_that_an_older_file_lacks_leaves_its_rows_out(
    table: Table, tmp_path: Path
) -> None:
    row = make_contribution(received_at=on(DAYS[0]))
    path = tmp_path / "older.parquet"
    pq.write_table(to_arrow([row]).drop_columns(["source", "sequence_number"]), path)
    table.add_files([f"file://{path}"])
    files = plan(table, next(live_snapshots(table)))
    batches = list(read(table, files, ["contribution_id"], EqualTo("source", "a")))
    assert sum(batch.num_rows for batch in batches) == 0


@pytest.mark.slow
@pytest.mark.parametrize("batch_rows", FEW_ROWS)
def test_rows_of_compacted_files_are_counted_between_any_two_snapshots(
    table: Table, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    scan_in_batches(monkeypatch, batch_rows)
    snapshots = append_commits(table, 4)
    compact_all(table)
    snapshots += append_commits(table, 1)
    for first in snapshots:
        for last in snapshots:
            files = plan(table, last, after=first.sequence_number)
            added = 2 * max(0, snapshots.index(last) - snapshots.index(first))
            assert count_rows(table, files) == added


@pytest.mark.slow
def test_row_groups_without_a_matching_row_are_left_out_and_the_others_read_whole(
    table: Table,
) -> None:
    # Bounds tell nothing: each row group has a lower and a higher value than the one looked for.
    sources = ["a", "z"] * (ROW_GROUP_ROWS // 2) + ["a", "m", "z"] + ["a", "z"]
    rows = [make_contribution("x", received_at=on(DAYS[0]), source=source) for source in sources]
    files = plan(table, append_rows(table, rows))
    for columns in (ARROW_SCHEMA.names, ["contribution_id", "conversation"]):
        batches = list(read(table, files, columns, EqualTo("source", "m")))
        found = pa.Table.from_batches(batches)
        assert found["contribution_id"].to_pylist() == [rows[ROW_GROUP_ROWS + 1].contribution_id]
        assert found.schema == schema_of(columns)
    assert list(read(table, files, row_filter=EqualTo("source", "n"))) == []


@pytest.mark.slow
def test_only_the_candidates_among_rows_are_read_and_files_without_any_stay_closed(
    table: Table,
) -> None:
    rows = [
        make_contribution(str(number), received_at=on(DAYS[0]), source=f"s{number % 2}")
        for number in range(ROW_GROUP_ROWS + 10)
    ]
    first = plan(table, append_rows(table, rows))[0]
    files = plan(table, append_rows(table, [make_contribution(received_at=on(DAYS[1]))]))
    path_of(files[1]).unlink()
    wanted = [0, 5, BATCH_ROWS, ROW_GROUP_ROWS - 1, ROW_GROUP_ROWS, ROW_GROUP_ROWS + 6]
    for positions in (wanted, wanted[-2:], wanted[2:3]):

        def candidates(file: DataFile, positions: list[int] = positions) -> pa.Array:
            return pa.array(positions if file.path == first.path else [], pa.int64())

        def found(row_filter: Any = ALL, candidates: Any = candidates) -> list[str]:
            batches = read(table, files, ["conversation"], row_filter, candidates=candidates)
            return [row[0]["content"] for each in batches for row in each[0].to_pylist()]

        assert found() == [str(each) for each in positions]
        odd = EqualTo("source", "s1")
        assert found(odd) == [str(each) for each in positions if each % 2]


def test_rows_with_some_ids_are_read_from_files_that_may_have_them(table: Table) -> None:
    made = [make_received(day) for day in range(3)]
    files = plan(table, append_rows(table, made))
    ids = [contribution.contribution_id for contribution in made]
    path_of(files[2]).unlink()
    wanted = pa.array([make_contribution_id(-1), *ids[:2]], pa.large_string())
    found = pa.Table.from_batches(read_with_ids(table, files, wanted, [ID, "received_at"]))
    assert found[ID].to_pylist() == ids[:2]
    assert list(read_with_ids(table, files, wanted[:0], [ID])) == []
