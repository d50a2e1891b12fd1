from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pyarrow as pa
import pytest
from pyiceberg.expressions import EqualTo

from app.query import snapshots
from app.query.snapshots import Reference, SnapshotView
from app.services import Services
from catalog.errors import SnapshotNotFound, TagNotFound
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import load_table
from tests.factories import commit_batch, make_received

pytestmark = pytest.mark.both

Refer = Callable[[Snapshot], Reference]


def by_id(snapshot: Snapshot) -> Reference:
    return Reference(snapshot_id=snapshot.snapshot_id)


def by_tag(snapshot: Snapshot) -> Reference:
    return Reference(tag=f"tag-{snapshot.sequence_number}")


def by_time(snapshot: Snapshot) -> Reference:
    return Reference(as_of=snapshot.committed_at)


def ids(view: SnapshotView) -> set[str]:
    assert view.snapshot is not None
    batches = list(read(view.table, plan(view.table, view.snapshot)))
    return set(pa.Table.from_batches(batches).column("contribution_id").to_pylist())


@pytest.mark.slow
@pytest.mark.parametrize("refer", [by_id, by_tag, by_time])
def test_each_kind_of_reference_gives_exactly_the_rows_of_its_moment(
    services: Services, refer: Refer
) -> None:
    there: set[str] = set()
    expected: list[tuple[Snapshot, set[str]]] = []
    for day in (0, 5, 0):
        contributions = [make_received(day), make_received(day + 1)]
        snapshot = commit_batch(services, *contributions)
        tag_snapshot(
            load_table(services.catalog), f"tag-{snapshot.sequence_number}", snapshot.snapshot_id
        )
        there |= {contribution.contribution_id for contribution in contributions}
        expected.append((snapshot, set(there)))
    for snapshot, rows in expected:
        view = services.reading.snapshots.view(refer(snapshot))
        assert view.snapshot == snapshot
        assert ids(view) == rows


def test_no_reference_means_the_newest_snapshot(services: Services) -> None:
    for _ in range(3):
        newest = commit_batch(services, make_received())
    assert services.reading.snapshots.view(Reference()).snapshot == newest


def test_a_time_just_before_a_commit_means_the_snapshot_before(services: Services) -> None:
    first = commit_batch(services, make_received())
    second = commit_batch(services, make_received())
    just_before = second.committed_at - timedelta(microseconds=1)
    assert services.reading.snapshots.view(Reference(as_of=just_before)).snapshot == first
    just_after = second.committed_at + timedelta(microseconds=1)
    assert services.reading.snapshots.view(Reference(as_of=just_after)).snapshot == second


def test_a_time_before_the_first_snapshot_is_not_found(services: Services) -> None:
    first = commit_batch(services, make_received())
    before = first.committed_at - timedelta(microseconds=1)
    with pytest.raises(SnapshotNotFound) as caught:
        services.reading.snapshots.view(Reference(as_of=before))
    assert caught.value.reference == before.isoformat()


def test_an_unknown_id_is_not_found(services: Services) -> None:
    known = commit_batch(services, make_received()).snapshot_id
    with pytest.raises(SnapshotNotFound) as caught:
        services.reading.snapshots.view(Reference(snapshot_id=known + 1))
    assert caught.value.reference == known + 1


@pytest.mark.parametrize("tag", ["unknown", "main"])
def test_an_unknown_tag_is_not_found_and_a_branch_is_no_tag(services: Services, tag: str) -> None:
    commit_batch(services, make_received())
    with pytest.raises(TagNotFound) as caught:
        services.reading.snapshots.view(Reference(tag=tag))
    assert caught.value.tag == tag


def test_an_empty_lake_has_a_view_without_a_snapshot(services: Services) -> None:
    assert services.reading.snapshots.view(Reference()).snapshot is None


@pytest.mark.parametrize(
    "reference", [Reference(snapshot_id=1), Reference(as_of=datetime(2026, 1, 1, tzinfo=UTC))]
)
def test_an_empty_lake_has_no_snapshot_to_find(services: Services, reference: Reference) -> None:
    with pytest.raises(SnapshotNotFound):
        services.reading.snapshots.view(reference)


@pytest.mark.slow
def test_snapshots_are_listed_newest_first_and_go_on_below_a_sequence_number(
    services: Services,
) -> None:
    made = [commit_batch(services, make_received()) for _ in range(4)][::-1]
    assert services.reading.snapshots.page(10, None) == made
    assert services.reading.snapshots.page(2, None) == made[:2]
    assert services.reading.snapshots.page(2, made[1].sequence_number) == made[2:]
    assert services.reading.snapshots.page(2, made[-1].sequence_number) == []


def test_a_snapshot_has_its_added_and_total_counts(services: Services) -> None:
    commit_batch(services, make_received(0), make_received(1))
    second = commit_batch(services, make_received(0))
    found = services.reading.snapshots.find(Reference(snapshot_id=second.snapshot_id))
    assert found == second
    assert (found.added_rows, found.total_rows, found.added_files) == (1, 3, 1)
    assert found.operation == "append"
    assert found.committed_at.utcoffset() == timedelta(0)


@pytest.mark.slow
def test_snapshots_are_spread_over_the_history_with_the_first_and_the_last(
    services: Services,
) -> None:
    assert services.reading.snapshots.spread(2) == []
    made = [commit_batch(services, make_received()) for _ in range(5)]
    assert services.reading.snapshots.spread(100) == made
    assert services.reading.snapshots.spread(3) == made[::2]
    assert services.reading.snapshots.spread(2) == [made[0], made[-1]]


def test_the_files_of_a_condition_are_planned_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_batch(services, make_received())
    view = services.reading.snapshots.view(Reference())
    counted = Mock(wraps=plan)
    monkeypatch.setattr(snapshots, "plan", counted)
    view.files().clear()
    assert len(view.files()) == 1
    for _ in range(2):
        assert view.files(EqualTo("source", "none")) == []
    assert counted.call_count == 2
