import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo
from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table

from catalog.errors import SnapshotNotFound
from catalog.manifests import cache
from catalog.reading.plans import added_after, plan, up_to
from catalog.reading.scan import count_rows
from catalog.snapshots import Snapshot, live_snapshots
from catalog.table import load_table
from tests.catalog.days import DAYS, append_rows, of_days, on, path_of
from tests.catalog.maintenance.history import append_commits, compact_all
from tests.factories import make_contribution


def test_planned_files_have_day_size_and_sequence_numbers(table: Table, snapshot: Snapshot) -> None:
    files = plan(table, snapshot)
    assert [file.day for file in files] == DAYS
    for file in files:
        assert file.rows == 1
        assert file.size_bytes == path_of(file).stat().st_size
        assert file.sequence_number == snapshot.sequence_number


def test_a_day_filter_plans_that_days_file_alone(table: Table, snapshot: Snapshot) -> None:
    (file,) = plan(table, snapshot, of_days(DAYS[1], DAYS[1]))
    assert file.day == DAYS[1]


def test_a_file_whose_bounds_exclude_the_value_is_not_planned(table: Table) -> None:
    for source in ("a", "b"):
        made = append_rows(table, [make_contribution(received_at=on(DAYS[0]), source=source)])
    files = plan(table, made, EqualTo("source", "b"))
    assert [file.sequence_number for file in files] == [made.sequence_number]


def test_files_come_by_day_then_by_commit(table: Table) -> None:
    for day in (DAYS[2], DAYS[0], DAYS[2], DAYS[0]):
        made = append_rows(table, [make_contribution(received_at=on(day))])
    order = [(file.day, file.sequence_number) for file in plan(table, made)]
    assert order == [(DAYS[0], 2), (DAYS[0], 4), (DAYS[2], 1), (DAYS[2], 3)]


def test_a_table_that_was_loaded_before_a_snapshot_does_not_pass_for_it(
    catalog: SqlCatalog, table: Table
) -> None:
    newer = append_rows(load_table(catalog), [make_contribution(received_at=on(DAYS[0]))])
    with pytest.raises(SnapshotNotFound) as caught:
        plan(table, newer)
    assert caught.value.reference == newer.snapshot_id


def test_a_plan_after_a_snapshot_has_only_later_rows(table: Table) -> None:
    snapshots = [append_rows(table, [make_contribution(received_at=on(day))]) for day in DAYS]
    first, second, third = snapshots
    since_first = plan(table, third, after=first.sequence_number)
    assert [file.sequence_number for file in since_first] == [2, 3]
    assert [file.day for file in plan(table, second, after=first.sequence_number)] == [DAYS[1]]
    assert plan(table, third, after=third.sequence_number) == []


def test_a_plan_after_a_moment_looks_into_no_manifest_of_before(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = [append_rows(table, [make_contribution(received_at=on(day))]) for day in DAYS]
    looked_into: list[str] = []
    look_into = cache.files_in

    def noted(of_table: Table, manifest: ManifestFile) -> pa.Table | None:
        looked_into.append(manifest.manifest_path)
        return look_into(of_table, manifest)

    monkeypatch.setattr(cache, "files_in", noted)
    plan(table, snapshots[-1])
    assert len(looked_into) == 3
    plan(table, snapshots[-1], after=snapshots[-2].sequence_number)
    assert len(looked_into) == 4


def test_planned_files_are_divided_at_a_commit_as_if_planned_so(table: Table) -> None:
    append_commits(table, 3, 4)
    compact_all(table)
    append_rows(table, [make_contribution()])
    newest = next(live_snapshots(table))
    files = plan(table, newest)
    for number in range(1, newest.sequence_number + 1):
        assert added_after(files, number) == plan(table, newest, after=number)
        rows = count_rows(table, up_to(files, number)) + count_rows(
            table, added_after(files, number)
        )
        assert rows == count_rows(table, files)
