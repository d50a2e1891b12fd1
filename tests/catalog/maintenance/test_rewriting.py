"""Data files are replaced in every live snapshot, and nothing else changes."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from catalog.maintenance.rewriting import remove_unreferenced, rewrite_data_files
from catalog.maintenance.thinning import thin
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import find_batch, load_table
from tests.catalog.maintenance.history import append_commits, compact_all, files_at, rows_at


@pytest.fixture
def history(table: Table) -> list[Snapshot]:
    """Snapshots of a table that was compacted in between, of which the first is tagged."""
    made = append_commits(table, 3)
    tag_snapshot(table, "first", made[0].snapshot_id)
    assert compact_all(table)
    return made + append_commits(load_table(table.catalog), 2, day=1)


def _moved(table: Table) -> list[str]:
    """Write each data file under another name, and return the names of those that were."""
    moved: list[str] = []

    def move(file: DataFile) -> str:
        path = file.file_path
        moved.append(path)
        folder, _, name = path.rpartition("/")
        new_path = f"{folder}/new-{name}"
        with table.io.new_input(path).open() as source:
            rows = pq.read_table(source)
        with table.io.new_output(new_path).create(overwrite=True) as target:
            pq.write_table(rows, target)
        return new_path

    assert rewrite_data_files(table, move)
    return moved


def _without_files(snapshot: IcebergSnapshot) -> dict[str, Any]:
    """Return a snapshot as it is whatever the names and sizes of its files."""
    properties = dict(snapshot.summary.additional_properties) if snapshot.summary else {}
    kept = {name: value for name, value in properties.items() if not name.endswith("files-size")}
    return snapshot.model_dump(exclude={"manifest_list", "summary"}) | kept


def _files(table: Table) -> set[str]:
    folder = Path(table.location().removeprefix("file://"))
    return {str(path) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_every_snapshot_has_its_id_number_rows_and_tags_and_other_files(
    table: Table, history: list[Snapshot]
) -> None:
    table.refresh()
    before, rows = table.metadata, [rows_at(table, each) for each in history]
    by_iceberg = {
        each.snapshot_id: table.scan(snapshot_id=each.snapshot_id).to_arrow()
        for each in before.snapshots
    }
    moved = _moved(table)
    assert len(moved) == len(set(moved))
    table = load_table(table.catalog)
    assert [_without_files(each) for each in table.metadata.snapshots] == [
        _without_files(each) for each in before.snapshots
    ]
    assert table.metadata.refs == before.refs
    assert table.metadata.metadata_log == []
    assert [rows_at(table, each) for each in history] == rows
    assert {each: table.scan(snapshot_id=each).to_arrow() for each in by_iceberg} == by_iceberg
    assert all("/new-" in path for path in files_at(table, history[-1]))


@pytest.mark.slow
def test_what_nothing_refers_to_is_removed_however_young(
    table: Table, history: list[Snapshot]
) -> None:
    moved = _moved(table)
    kept = moved[0]
    remove_unreferenced(table, [kept])
    left = _files(table)
    assert kept.removeprefix("file://") in left
    assert not left & {path.removeprefix("file://") for path in moved[1:]}
    assert len([path for path in left if path.endswith(".metadata.json")]) == 1
    assert rows_at(load_table(table.catalog), history[-1]).num_rows == 10


@pytest.mark.slow
def test_a_rewritten_table_is_committed_to_thinned_and_compacted_as_before(
    table: Table, history: list[Snapshot]
) -> None:
    _moved(table)
    remove_unreferenced(table)
    newest = append_commits(load_table(table.catalog), 2, day=1)[-1]
    assert newest.sequence_number > history[-1].sequence_number
    table = load_table(table.catalog)
    rows = [rows_at(table, each) for each in (*history, newest)]
    assert compact_all(table)
    thin(load_table(table.catalog), history, datetime.now(UTC))
    table = load_table(table.catalog)
    assert [rows_at(table, each) for each in (*history, newest)] == rows


def test_a_batch_is_found_as_before(table: Table) -> None:
    (snapshot,) = append_commits(table, 1)
    _moved(table)
    batch_id = snapshot.batch_id
    assert batch_id is not None
    found = find_batch(load_table(table.catalog), batch_id)  # type: ignore[arg-type]  # its text will do
    assert found is not None
    assert replace(found, added_bytes=snapshot.added_bytes) == snapshot


def test_without_a_file_to_replace_nothing_is_written(
    table: Table, history: list[Snapshot]
) -> None:
    assert history
    location, before = load_table(table.catalog).metadata_location, _files(table)
    assert not rewrite_data_files(table, lambda file: file.file_path)
    assert load_table(table.catalog).metadata_location == location
    assert _files(table) == before
