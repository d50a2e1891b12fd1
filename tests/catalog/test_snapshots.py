from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from catalog.errors import CommitConflict, SnapshotNotFound, TagNotFound, TagTaken
from catalog.reading.plans import plan
from catalog.snapshots import (
    Snapshot,
    live_snapshot,
    live_snapshots,
    remove_tags,
    tag_snapshot,
    tagged_snapshot_id,
)
from catalog.table import append_batch, load_table
from tests.catalog.races import InterruptedCatalog
from tests.factories import make_contribution

_UNKNOWN = 2**62


@pytest.fixture
def snapshot(table: Table) -> Snapshot:
    """The table's one snapshot."""
    return append_batch(table, uuid4(), [make_contribution()])


def test_an_empty_table_has_no_snapshots(table: Table) -> None:
    assert list(live_snapshots(table)) == []


def test_snapshots_come_newest_first(table: Table) -> None:
    made = [append_batch(table, uuid4(), [make_contribution()]) for _ in range(3)]
    assert list(live_snapshots(table)) == made[::-1]
    assert [snapshot.sequence_number for snapshot in made] == [1, 2, 3]


def test_a_snapshot_counts_added_and_total_rows(table: Table) -> None:
    batch_id = uuid4()
    append_batch(table, uuid4(), [make_contribution()])
    started = datetime.now(UTC) - timedelta(milliseconds=1)
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 1, 2)]
    snapshot = append_batch(table, batch_id, [make_contribution(received_at=day) for day in days])
    added = [file for file in plan(table, snapshot) if file.sequence_number == 2]
    assert snapshot.batch_id == str(batch_id)
    assert snapshot.operation == "append"
    assert (snapshot.added_rows, snapshot.total_rows, snapshot.added_files) == (3, 4, 2)
    assert snapshot.added_bytes == sum(file.size_bytes for file in added)
    sizes = [Path(file.path.removeprefix("file://")).stat().st_size for file in added]
    assert snapshot.added_bytes == sum(sizes)
    assert started <= snapshot.committed_at <= datetime.now(UTC)
    assert snapshot.committed_at.tzinfo is UTC


def test_a_snapshot_that_another_engine_made_belongs_to_no_batch(table: Table) -> None:
    append_batch(table, uuid4(), [make_contribution()])
    table.append(table.scan().to_arrow())
    newest = next(live_snapshots(table))
    assert newest.batch_id is None
    assert newest.added_rows == 1


def test_a_live_snapshot_is_found_by_its_id(table: Table, snapshot: Snapshot) -> None:
    assert live_snapshot(table, snapshot.snapshot_id).snapshot_id == snapshot.snapshot_id


def test_an_unknown_snapshot_is_snapshot_not_found(table: Table) -> None:
    with pytest.raises(SnapshotNotFound) as caught:
        live_snapshot(table, _UNKNOWN)
    assert caught.value.reference == _UNKNOWN


def test_a_tag_keeps_naming_its_snapshot(
    catalog: SqlCatalog, table: Table, snapshot: Snapshot
) -> None:
    tag_snapshot(table, "v1", snapshot.snapshot_id)
    append_batch(table, uuid4(), [make_contribution()])
    assert tagged_snapshot_id(load_table(catalog), "v1") == snapshot.snapshot_id


def test_an_unknown_snapshot_cannot_be_tagged(table: Table) -> None:
    with pytest.raises(SnapshotNotFound):
        tag_snapshot(table, "v1", _UNKNOWN)
    assert "v1" not in table.metadata.refs


@pytest.mark.parametrize("name", ["v1", "main"])
def test_a_tag_never_moves_and_never_takes_a_branchs_name(
    catalog: SqlCatalog, table: Table, snapshot: Snapshot, name: str
) -> None:
    tag_snapshot(table, "v1", snapshot.snapshot_id)
    newer = append_batch(table, uuid4(), [make_contribution()])
    with pytest.raises(TagTaken) as caught:
        tag_snapshot(table, name, newer.snapshot_id)
    assert caught.value.tag == name
    assert tagged_snapshot_id(load_table(catalog), "v1") == snapshot.snapshot_id


def test_a_tag_that_someone_else_made_meanwhile_is_taken(
    catalog: SqlCatalog, table: Table, snapshot: Snapshot
) -> None:
    newer = append_batch(table, uuid4(), [make_contribution()])
    stale = load_table(catalog)
    tag_snapshot(table, "v1", snapshot.snapshot_id)
    with pytest.raises(TagTaken):
        tag_snapshot(stale, "v1", newer.snapshot_id)


@pytest.mark.parametrize("name", ["unknown", "main"])
def test_an_unknown_tag_is_not_found(table: Table, snapshot: Snapshot, name: str) -> None:
    assert snapshot.snapshot_id in {ref.snapshot_id for ref in table.metadata.refs.values()}
    with pytest.raises(TagNotFound) as caught:
        tagged_snapshot_id(table, name)
    assert caught.value.tag == name
    remove_tags(table, [name])
    assert "main" in table.metadata.refs


def test_a_tag_that_was_removed_can_be_given_again(table: Table, snapshot: Snapshot) -> None:
    tag_snapshot(table, "v1", snapshot.snapshot_id)
    remove_tags(table, ["v1", "absent"])
    with pytest.raises(TagNotFound):
        tagged_snapshot_id(table, "v1")
    tag_snapshot(table, "v1", snapshot.snapshot_id)
    assert tagged_snapshot_id(table, "v1") == snapshot.snapshot_id


def _tagging(catalog: SqlCatalog, snapshot_id: int, times: int) -> Callable[[], None]:
    """Return a callback that tags a snapshot in each of its first `times` calls."""
    rounds = count(1)

    def tag() -> None:
        if (number := next(rounds)) <= times:
            tag_snapshot(load_table(catalog), f"other-{number}", snapshot_id)

    return tag


def test_a_tag_whose_commit_lost_the_race_is_made_again_on_the_newer_table(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, snapshot: Snapshot
) -> None:
    interrupted.before_swap = _tagging(catalog, snapshot.snapshot_id, times=2)
    tag_snapshot(load_table(interrupted), "v1", snapshot.snapshot_id)
    table = load_table(catalog)
    for tag in ("v1", "other-1", "other-2"):
        assert tagged_snapshot_id(table, tag) == snapshot.snapshot_id


def test_a_tag_that_always_loses_the_race_gives_up_and_is_not_there(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, snapshot: Snapshot
) -> None:
    interrupted.before_swap = _tagging(catalog, snapshot.snapshot_id, times=1_000)
    with pytest.raises(CommitConflict) as caught:
        tag_snapshot(load_table(interrupted), "v1", snapshot.snapshot_id)
    table = load_table(catalog)
    assert f"other-{caught.value.attempts}" in table.metadata.refs
    with pytest.raises(TagNotFound):
        tagged_snapshot_id(table, "v1")
