"""Contributions are erased from every live snapshot, and nothing else changes."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyiceberg.table import Table

from catalog.errors import CommitConflict
from catalog.maintenance import rewriting
from catalog.maintenance.erasing import ErasedRows, erase_rows
from catalog.maintenance.orphans import references_of
from catalog.maintenance.thinning import thin
from catalog.schema import ID
from catalog.snapshots import Snapshot, live_snapshots, tag_snapshot
from catalog.table import append_batch, load_table
from tests.catalog.maintenance.history import append_commits, compact_all, files_at, rows_at
from tests.factories import make_received


@pytest.fixture
def history(table: Table) -> list[Snapshot]:
    """Snapshots of two days, of which the first is tagged and the first three are compacted."""
    made = append_commits(table, 3)
    tag_snapshot(table, "first", made[0].snapshot_id)
    assert compact_all(table)
    return made + append_commits(load_table(table.catalog), 3, day=1)


def ids_of(rows: pa.Table) -> list[str]:
    ids: list[str] = rows[ID].to_pylist()
    return ids


def erased_of(ids: Collection[str]) -> ErasedRows:
    return ErasedRows(pa.array(sorted(ids), pa.large_string()))


def without(rows: pa.Table, ids: Collection[str]) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows[ID], pa.array(ids, pa.large_string()))))


@pytest.mark.slow
def test_every_snapshot_keeps_its_other_rows_in_their_order(
    table: Table, history: list[Snapshot]
) -> None:
    table = load_table(table.catalog)
    before = [rows_at(table, each) for each in history]
    # One of a compacted file, and the only two of a file.
    ids = [ids_of(before[0])[0], *ids_of(before[-1])[-2:]]
    files, refs, live = files_at(table, history[-1]), table.metadata.refs, table.metadata.snapshots
    replaced = erase_rows(table, erased_of(ids))
    table = load_table(table.catalog)
    assert [rows_at(table, each) for each in history] == [without(rows, ids) for rows in before]
    assert table.metadata.refs == refs
    assert [(each.snapshot_id, each.sequence_number) for each in table.metadata.snapshots] == [
        (each.snapshot_id, each.sequence_number) for each in live
    ]
    left = files_at(table, history[-1])
    assert len(left & files) == len(files) - 2
    assert files - left == replaced & files
    for snapshot in table.metadata.snapshots:
        found = table.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
        assert not set(ids) & set(ids_of(found))


@pytest.mark.slow
def test_counts_of_snapshots_are_those_of_the_rows_that_are_left(
    table: Table, history: list[Snapshot]
) -> None:
    table = load_table(table.catalog)
    rows = [rows_at(table, each) for each in history]
    ids = [ids_of(rows[0])[0], *ids_of(rows[-1])[-2:]]
    erase_rows(table, erased_of(ids))
    table = load_table(table.catalog)
    by_id = {each.snapshot_id: each for each in live_snapshots(table)}
    counted = [by_id[each.snapshot_id] for each in history]
    assert [each.added_rows for each in counted] == [1, 2, 2, 2, 2, 0]
    assert [each.total_rows for each in counted] == [1, 3, 5, 7, 9, 9]
    assert [each.added_files for each in counted] == [1, 1, 1, 1, 1, 0]
    compacted = next(each for each in by_id.values() if each.operation == "replace")
    assert (compacted.added_rows, compacted.total_rows) == (0, 5)
    # The next commit counts from there.
    (newest,) = append_commits(table, 1)
    assert (newest.added_rows, newest.total_rows) == (2, 11)


def test_files_and_manifests_of_other_days_stay(table: Table, history: list[Snapshot]) -> None:
    table = load_table(table.catalog)
    newest = table.current_snapshot()
    assert newest is not None
    manifests = {each.manifest_path for each in newest.manifests(table.io)}
    replaced = erase_rows(table, erased_of(ids_of(rows_at(table, history[-1]))[-1:]))
    assert len([path for path in replaced if path.endswith(".parquet")]) == 1
    newest = load_table(table.catalog).current_snapshot()
    assert newest is not None
    left = {each.manifest_path for each in newest.manifests(table.io)}
    assert len(manifests - left) == len(left - manifests) == 1


def test_no_manifest_names_a_removed_file_that_held_a_contribution(
    table: Table, history: list[Snapshot]
) -> None:
    table = load_table(table.catalog)
    removed = files_at(table, history[0])
    ids = ids_of(rows_at(table, history[0]))
    erase_rows(table, erased_of(ids))
    table = load_table(table.catalog)
    named = {
        entry.data_file.file_path
        for snapshot in table.metadata.snapshots
        for manifest in snapshot.manifests(table.io)
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False)
    }
    assert not named & removed


@pytest.mark.slow
def test_erasing_again_changes_nothing(table: Table, history: list[Snapshot]) -> None:
    ids = erased_of(ids_of(rows_at(load_table(table.catalog), history[0]))[:1])
    assert erase_rows(table, ids)
    location = load_table(table.catalog).metadata_location
    assert erase_rows(table, ids) == frozenset()
    assert erase_rows(table, erased_of([])) == frozenset()
    assert load_table(table.catalog).metadata_location == location


@pytest.mark.slow
def test_a_table_can_lose_all_of_its_rows(table: Table, history: list[Snapshot]) -> None:
    erase_rows(table, erased_of(ids_of(rows_at(load_table(table.catalog), history[-1]))))
    table = load_table(table.catalog)
    assert [rows_at(table, each).num_rows for each in history] == [0] * len(history)
    assert {each.total_rows for each in live_snapshots(table)} == {0}
    (newest,) = append_commits(table, 1)
    assert rows_at(load_table(table.catalog), newest).num_rows == 2


@pytest.mark.slow
def test_the_rest_is_compacted_and_thinned_as_before(table: Table, history: list[Snapshot]) -> None:
    table = load_table(table.catalog)
    erase_rows(table, erased_of(ids_of(rows_at(table, history[0]))[:1]))
    table = load_table(table.catalog)
    rows = [rows_at(table, each) for each in history]
    assert compact_all(table)
    thin(load_table(table.catalog), history[1:], datetime.now(UTC))
    table = load_table(table.catalog)
    assert [rows_at(table, each) for each in history] == rows


@pytest.mark.slow
def test_what_others_commit_meanwhile_is_kept_and_erased_from(
    table: Table, history: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process commits the same contribution once more, as a compaction does."""
    swap, others = rewriting._swap, load_table(table.catalog)
    late = make_received(1)
    made: list[Snapshot] = []

    def after_a_commit(*arguments: object) -> str:
        if not made:
            made.append(append_batch(others, uuid4(), [late, make_received(1)]))
        return swap(*arguments)  # type: ignore[arg-type]  # they are passed on

    monkeypatch.setattr(rewriting, "_swap", after_a_commit)
    first = ids_of(rows_at(load_table(table.catalog), history[0]))[0]
    erase_rows(table, erased_of([first, late.contribution_id]))
    table = load_table(table.catalog)
    rows = ids_of(rows_at(table, made[0]))
    assert len(rows) == 12
    assert not {first, late.contribution_id} & set(rows)


def test_nothing_is_erased_while_others_always_commit_first(
    table: Table, history: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    swap, others = rewriting._swap, load_table(table.catalog)

    def late(*arguments: object) -> str:
        with others.transaction() as transaction:
            transaction.set_properties({"other": str(uuid4())})
        return swap(*arguments)  # type: ignore[arg-type]  # they are passed on

    monkeypatch.setattr(rewriting, "_swap", late)
    monkeypatch.setattr(rewriting, "_ATTEMPTS", 3)
    rows = rows_at(load_table(table.catalog), history[-1])
    with pytest.raises(CommitConflict):
        erase_rows(table, erased_of(ids_of(rows)[:1]))
    assert rows_at(load_table(table.catalog), history[-1]) == rows


def test_replaced_files_are_those_that_nothing_refers_to(
    table: Table, history: list[Snapshot]
) -> None:
    table = load_table(table.catalog)
    before = {*references_of(table)}
    replaced = erase_rows(table, erased_of(ids_of(rows_at(table, history[0]))[:1]))
    after = {*references_of(load_table(table.catalog))}
    assert before - after <= replaced
    assert not replaced & after
    assert all(Path(path.removeprefix("file://")).exists() for path in replaced)
