import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from catalog.maintenance.orphans import AgeFloorTooLow, Ages, find_orphans, remove_orphans
from catalog.maintenance.thinning import Retention, thin, thinnable
from catalog.snapshots import live_snapshots
from catalog.table import append_batch, load_table
from tests.catalog.maintenance.history import append_commits, compact_all, rows_at
from tests.catalog.races import InterruptedCatalog, PowerCut, cut_power
from tests.factories import make_received

AGES = Ages(floor=timedelta(hours=2), read_grace=timedelta(hours=1))
SOON = datetime.now(UTC) + timedelta(hours=3)
"""A time at which the commits of the tests are older than a read may take."""


def _root(table: Table) -> Path:
    return Path(table.location().removeprefix("file://"))


def _everything(table: Table) -> set[Path]:
    return {path for path in _root(table).rglob("*") if path.is_file()}


def _make_old(table: Table, *paths: Path, days: int = 1) -> None:
    """Set the times of files back, by default those of all files of the table."""
    moment = datetime.now(UTC).timestamp() - days * 86_400
    for path in paths or _everything(table):
        os.utime(path, (moment, moment))


def _found(table: Table, **given: object) -> set[Path]:
    arguments = {"protected": [], "batches": [], "ages": AGES, "now": SOON} | given
    orphans = find_orphans(table, **arguments)  # type: ignore[arg-type]
    return {Path(orphan.path) for orphan in orphans}


def _leave(table: Table, name: str) -> Path:
    """Write a file that nothing refers to into the table's folder, with an old time."""
    path = _root(table) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left")
    _make_old(table, path)
    return path


@pytest.mark.slow
def test_a_table_of_old_files_has_no_orphans(table: Table) -> None:
    append_commits(table, 3)
    compact_all(table)
    append_commits(table, 1)
    _make_old(table)
    assert _found(table) == set()


@pytest.mark.parametrize(
    "name",
    [
        "data/received_at_day=2026-03-01/00000-0-x.parquet",
        "data/received_at_day=2026-03-01/.00000-0-x.parquet.abc.tmp",
        "metadata/x-m0.avro",
        "metadata/.x-m0.avro.abc.tmp",
        "metadata/00009-x.metadata.json",
    ],
)
def test_files_of_a_killed_writer_are_found_and_removed(table: Table, name: str) -> None:
    snapshot = append_commits(table, 2)[-1]
    before = _everything(table)
    left = _leave(table, name)
    orphans = find_orphans(table, [], [], AGES, SOON)
    (orphan,) = orphans
    assert (Path(orphan.path), orphan.size_bytes) == (left, 4)
    assert left.exists(), "finding removes nothing"
    remove_orphans(table, orphans)
    assert _everything(table) == before
    assert rows_at(table, snapshot).num_rows == 4
    remove_orphans(table, orphans)


def test_files_of_an_interrupted_commit_are_found(
    interrupted: InterruptedCatalog, table: Table
) -> None:
    append_commits(table, 2)
    before = _everything(table)
    interrupted.before_swap = cut_power
    with pytest.raises(PowerCut):
        append_batch(load_table(interrupted), uuid4(), [make_received()])
    left = _everything(table) - before
    assert {path.suffix for path in left} == {".parquet", ".avro", ".json"}
    _make_old(table)
    assert _found(table) == left


def test_young_files_are_left_alone(table: Table) -> None:
    append_commits(table, 2)
    left = _leave(table, "data/x.parquet")
    left.touch()
    assert _found(table) == set()
    in_two_hours = left.stat().st_mtime - AGES.floor.total_seconds()
    os.utime(left, (in_two_hours, in_two_hours))
    assert _found(table) == {left}


def test_files_that_something_else_refers_to_are_left_alone(table: Table) -> None:
    append_commits(table, 2)
    left = _leave(table, "data/x.parquet")
    assert _found(table, protected=[f"file://{left}"]) == set()
    assert _found(table, protected=["file:///elsewhere/x.parquet"]) == {left}


def test_the_files_of_a_batch_on_its_way_are_left_alone(table: Table) -> None:
    append_commits(table, 2)
    batch_id = uuid4()
    left = _leave(table, f"data/00000-0-{batch_id}.parquet")
    assert _found(table, batches=[batch_id]) == set()
    assert _found(table, batches=[uuid4()]) == {left}


def test_a_batch_that_is_committed_after_the_look_is_not_taken_for_an_orphan(
    table: Table, catalog: SqlCatalog
) -> None:
    append_commits(table, 2)
    stale = load_table(catalog)
    append_commits(table, 1)
    _make_old(table)
    assert _found(stale) == set()


def test_files_outside_the_tables_folder_are_no_business_of_it(table: Table) -> None:
    append_commits(table, 2)
    root = _root(table)
    outside = root.with_name(root.name + "-other") / "data" / "x.parquet"
    outside.parent.mkdir(parents=True)
    outside.touch()
    (root / "link").symlink_to(outside.parent, target_is_directory=True)
    _make_old(table, outside)
    assert _found(table) == set()


def test_files_of_a_kind_that_we_do_not_write_are_left_alone(table: Table) -> None:
    append_commits(table, 2)
    _leave(table, "notes.txt")
    assert _found(table) == set()


def test_an_age_floor_that_writers_may_need_is_refused(table: Table) -> None:
    age = timedelta(minutes=59)
    with pytest.raises(AgeFloorTooLow) as caught:
        _found(table, ages=Ages(floor=age, read_grace=timedelta(0)))
    assert caught.value.age == age


@pytest.mark.slow
def test_compacted_and_thinned_files_go_when_no_reader_can_need_them(table: Table) -> None:
    snapshots = append_commits(table, 3)
    compact_all(table)
    newest = append_commits(table, 1)[-1]
    before = [rows_at(table, snapshot) for snapshot in (*snapshots, newest)]
    _make_old(table)
    retention = Retention(newest=1, hours=0, days=0, read_grace=AGES.read_grace)
    thin(table, thinnable(table, retention, SOON), SOON)
    table.refresh()
    assert len(table.metadata.snapshots) == 1
    orphans = find_orphans(table, [], [], AGES, SOON)
    suffixes = [Path(orphan.path).suffix for orphan in orphans]
    assert suffixes.count(".parquet") == 3
    assert suffixes.count(".avro") > 3
    remove_orphans(table, orphans)
    for snapshot, rows in zip((*snapshots, newest), before, strict=True):
        assert rows_at(table, snapshot).equals(rows)


@pytest.mark.slow
def test_a_reader_in_the_middle_of_its_scan_keeps_its_files(
    catalog: SqlCatalog, table: Table
) -> None:
    snapshots = append_commits(table, 3)
    reader = load_table(catalog)
    expected = rows_at(reader, snapshots[-1])
    compact_all(table)
    append_commits(table, 3)
    _make_old(table)
    now = datetime.now(UTC)
    retention = Retention(newest=1, hours=0, days=0, read_grace=AGES.read_grace)
    thin(table, thinnable(table, retention, now), now)
    orphans = find_orphans(table, [], [], AGES, now)
    remove_orphans(table, orphans)
    assert rows_at(reader, snapshots[-1]).equals(expected)


def test_nothing_is_an_orphan_before_a_snapshot_is_old_enough(table: Table) -> None:
    _leave(table, "data/x.parquet")
    assert _found(table) == set()
    append_commits(table, 1)
    assert _found(table, now=datetime.now(UTC)) == set()


@pytest.mark.slow
def test_live_snapshots_keep_their_files_whatever_their_age(table: Table) -> None:
    snapshots = append_commits(table, 3)
    compact_all(table)
    _make_old(table, days=1_000)
    assert _found(table, now=SOON + timedelta(days=1_000)) == set()
    assert len(list(live_snapshots(table))) == len(snapshots) + 1


def test_what_was_published_for_engines_is_an_orphan_once_a_later_snapshot_is_old_enough(
    table: Table,
) -> None:
    append_commits(table, 1)
    paths = [
        _leave(table, f"metadata/published-x{ending}")
        for ending in (".metadata.json", "-m0.avro", "-deletes-00000.parquet")
    ]
    other = _leave(table, "metadata/x-m0.avro")
    for path in (*paths, other):
        # Half an hour before the snapshot.
        _make_old(table, path, days=0)
        os.utime(path, (path.stat().st_mtime - 1800,) * 2)
    now = datetime.now(UTC)
    soon = now + timedelta(minutes=61)
    # Not before an age floor of two hours, but after a read may have taken its hour.
    assert _found(table, now=soon) == set(paths)
    assert _found(table, now=now) == set()
    for path in paths:
        os.utime(path)
    # It may be what engines get now: no snapshot is later.
    assert _found(table, now=now + timedelta(days=9)) == {other}
