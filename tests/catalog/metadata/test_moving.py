import shutil
from pathlib import Path

import pytest
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table

from catalog.metadata.moving import (
    Move,
    MovedFileIO,
    OutsideWarehouse,
    files_of_metadata,
    move_metadata,
)
from catalog.storage.file_io import DurableFileIO
from tests.catalog.maintenance.history import append_commits, compact_all


def warehouse_of(table: Table) -> str:
    """Return the URL of the folder that holds the folder of the table."""
    return table.location().rpartition("/")[0]


@pytest.mark.slow
def test_a_moved_table_has_the_same_snapshots_and_names_no_old_url(
    table: Table, tmp_path: Path
) -> None:
    append_commits(table, 4)
    compact_all(table)
    table.refresh()
    old = warehouse_of(table)
    copy, new = tmp_path / "copy", tmp_path / "new"
    shutil.copytree(old.removeprefix("file://"), copy)
    source = MovedFileIO(Move(old, copy.as_uri()), {})
    location = move_metadata(
        table.metadata_location, Move(old, new.as_uri()), source, DurableFileIO()
    )

    moved = FromInputFile.table_metadata(DurableFileIO().new_input(location))
    assert [each.snapshot_id for each in moved.snapshots] == [
        each.snapshot_id for each in table.metadata.snapshots
    ]
    move = Move(old, new.as_uri())
    before = {move.url(file.url): file.kind for file in files_of_metadata(table.metadata, table.io)}
    assert {file.url: file.kind for file in files_of_metadata(moved, DurableFileIO())} == before
    for file in new.rglob("*.*"):
        assert old.encode() not in file.read_bytes()
    for old_snapshot, snapshot in zip(table.metadata.snapshots, moved.snapshots, strict=True):
        assert snapshot.summary == old_snapshot.summary
        listed = [
            (each.sequence_number, each.min_sequence_number, each.added_rows_count)
            for each in snapshot.manifests(DurableFileIO())
        ]
        assert listed == [
            (each.sequence_number, each.min_sequence_number, each.added_rows_count)
            for each in old_snapshot.manifests(table.io)
        ]


@pytest.mark.parametrize("url", ["s3://other/file", "file:///lake-2/file", "file:///lake"])
def test_what_is_outside_of_the_warehouse_is_not_moved(url: str) -> None:
    with pytest.raises(OutsideWarehouse):
        Move("file:///lake", "file:///new").url(url)


def test_a_file_keeps_its_path_in_the_warehouse() -> None:
    move = Move("s3://bucket/lake/", "file:///new")
    assert move.name("s3://bucket/lake/a/b.parquet") == "a/b.parquet"
    assert move.url("s3://bucket/lake/a/b.parquet") == "file:///new/a/b.parquet"
