import pyarrow as pa
import pytest
from pyiceberg.table import Table

import catalog.writing.staging
from catalog.errors import SnapshotNotFound
from catalog.schema import ROW_GROUP_ROWS
from catalog.stages.builds import source_of
from catalog.stages.reader import stage_rows
from catalog.stages.tables import DROPPED_ARROW_SCHEMA
from tests.batches import FEW_ROWS, scan_in_batches
from tests.catalog.stage_days import id_of, make_rows, moment, read_ids, replace, stage


@pytest.mark.slow
def test_rows_come_in_their_order_over_files_days_and_builds(
    dropped: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog.writing.staging, "TARGET_FILE_SIZE_BYTES", 1)
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
    monkeypatch.setattr(catalog.writing.staging, "TARGET_FILE_SIZE_BYTES", 1)
    rows = make_rows(0, [5] * 6).set_column(0, "contribution_id", pa.array(list("abcdef")))
    rows = rows.cast(DROPPED_ARROW_SCHEMA)
    files = stage(dropped, *(rows.slice(number, 1) for number in range(6)))
    assert len(files) == 6
    assert read_ids(dropped, replace(dropped, files[::-1])) == list("abcdef")


def test_no_file_of_another_time_is_opened(dropped: Table) -> None:
    files = stage(dropped, make_rows(0, [1, 3]), make_rows(1, [1]))
    snapshot_id = replace(dropped, files)
    dropped.io.delete(files[0].path)
    assert read_ids(dropped, snapshot_id, (moment(1, 0), moment(2, 0))) == [id_of(1, 1)]
    found = stage_rows(dropped, snapshot_id, ["reason"], [id_of(0, 0), id_of(0, 4), id_of(1, 1)])
    assert pa.Table.from_batches(found).num_rows == 1
    for ids in (None, [id_of(0, 1)], [id_of(0, 2)], [id_of(0, 3)]):
        with pytest.raises(FileNotFoundError):
            list(stage_rows(dropped, snapshot_id, ids=ids))


@pytest.mark.slow
def test_rows_of_some_ids_are_found_among_many(dropped: Table) -> None:
    many = range(3 * ROW_GROUP_ROWS)
    snapshot_id = replace(dropped, stage(dropped, make_rows(0, many)))
    wanted = [id_of(0, 20000), id_of(0, 5), id_of(9, 0)]
    batches = stage_rows(dropped, snapshot_id, ["reason", "contribution_id"], wanted)
    rows = pa.Table.from_batches(batches)
    assert rows.column_names == ["reason", "contribution_id"]
    assert rows["contribution_id"].to_pylist() == [id_of(0, 5), id_of(0, 20000)]
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
