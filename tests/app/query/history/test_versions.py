from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from app.access.takedowns.records import TakenDown
from app.query.filters import Filters
from app.query.history.versions import Version
from app.query.snapshots import Reference, SnapshotView
from app.services import Services
from catalog.maintenance.erasing import ErasedRows, erase_rows
from catalog.records import Contribution
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.factories import commit_batch, make_contribution, make_contribution_id, make_received

NAMED = {"contributor_id": "ada", "conversation_id": "chat-1"}
ANONYMOUS = {"contributor_id": None, "conversation_id": "chat-1"}
BOTH = pytest.mark.parametrize("key", [NAMED, ANONYMOUS])


def latest(services: Services, snapshot: Snapshot, **filters: Any) -> set[str]:
    view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
    batches = services.reading.contributions.stream(view, Filters(**filters))
    return {value for batch in batches for value in batch["contribution_id"].to_pylist()}


def ids(*contributions: Contribution) -> set[str]:
    return {contribution.contribution_id for contribution in contributions}


@BOTH
def test_a_version_replaces_the_one_before_it_in_the_same_batch(
    services: Services, key: dict[str, Any]
) -> None:
    first, second = make_received(0, "first", **key), make_received(0, "second", **key)
    snapshot = commit_batch(services, second, first)
    assert latest(services, snapshot) == ids(second)
    assert latest(services, snapshot, all_versions=True) == ids(first, second)


@pytest.mark.slow
@BOTH
def test_a_version_replaces_one_of_an_earlier_batch_from_its_own_snapshot_on(
    services: Services, key: dict[str, Any]
) -> None:
    first, second = make_received(0, "first", **key), make_received(0, "second", **key)
    before = commit_batch(services, first)
    after = commit_batch(services, second)
    assert latest(services, before) == ids(first)
    assert latest(services, after) == ids(second)
    assert latest(services, after, all_versions=True) == ids(first, second)
    assert latest(services, before) == ids(first)


@BOTH
def test_a_version_replaces_one_of_another_day(services: Services, key: dict[str, Any]) -> None:
    first, second = make_received(0, "first", **key), make_received(9, "second", **key)
    commit_batch(services, first)
    snapshot = commit_batch(services, second)
    assert latest(services, snapshot) == ids(second)


@pytest.mark.slow
def test_a_day_whose_version_was_superseded_on_another_day_no_longer_shows_it(
    services: Services,
) -> None:
    first, second = make_received(0, "first", **NAMED), make_received(9, "second", **NAMED)
    before = commit_batch(services, first)
    after = commit_batch(services, second)
    day = first.received_at.date()
    assert latest(services, before, day_from=day, day_to=day) == ids(first)
    assert latest(services, after, day_from=day, day_to=day) == set()
    assert latest(services, after, day_from=day, day_to=day, all_versions=True) == ids(first)


@pytest.mark.slow
def test_the_newest_commit_has_the_newest_version_despite_clocks(
    services: Services,
) -> None:
    late_id, early_id = make_contribution_id(5), make_contribution_id(2)
    commit_batch(services, make_contribution("first", contribution_id=late_id, **NAMED))
    snapshot = commit_batch(
        services, make_contribution("second", contribution_id=early_id, **NAMED)
    )
    assert latest(services, snapshot) == {early_id}


def test_other_conversations_of_the_same_contributor_stay(services: Services) -> None:
    first = make_received(0, contributor_id="ada", conversation_id="chat-1")
    second = make_received(0, contributor_id="ada", conversation_id="chat-2")
    assert latest(services, commit_batch(services, first, second)) == ids(first, second)


def test_a_filter_that_only_the_superseded_version_meets_finds_nothing(services: Services) -> None:
    commit_batch(services, make_received(0, source="old", **NAMED))
    snapshot = commit_batch(services, make_received(0, source="new", **NAMED))
    assert latest(services, snapshot, source="old") == set()
    assert len(latest(services, snapshot, source="old", all_versions=True)) == 1


@pytest.mark.slow
def test_only_the_latest_of_many_versions_is_selected_by_default(services: Services) -> None:
    versions = [make_received(i % 3, f"version {i}", **NAMED) for i in range(30)]
    for i in range(0, 30, 10):
        snapshot = commit_batch(services, *versions[i : i + 10])
    newest = max(versions[20:], key=lambda version: version.contribution_id)
    assert latest(services, snapshot) == ids(newest)
    assert latest(services, snapshot, all_versions=True) == ids(*versions)


@pytest.mark.slow
def test_every_version_of_a_conversation_is_known_as_of_each_snapshot(services: Services) -> None:
    rows = [make_received(0, str(number), **NAMED) for number in range(3)]
    commit_batch(services, rows[1], make_received(0))
    before = commit_batch(
        services, rows[0], make_received(0, contributor_id="ada", conversation_id="2")
    )
    after = commit_batch(services, rows[2])
    table = load_table(services.catalog)
    then, now = SnapshotView(table, before), SnapshotView(table, after)
    versions = services.reading.versions
    expected = [Version(rows[1].contribution_id, 1), Version(rows[0].contribution_id, 2)]
    assert versions.of(then, "chat-1") == expected
    newest = Version(rows[2].contribution_id, 3)
    assert versions.of(now, "chat-1") == [*expected, newest]
    assert versions.of(then, "chat-1") == expected
    assert versions.of(now, "chat-3") == []


@pytest.mark.slow
def test_what_an_erased_version_superseded_does_not_come_back(services: Services) -> None:
    first, second, third = (make_received(0, str(number), **NAMED) for number in range(3))
    old = commit_batch(services, first)
    middle = commit_batch(services, second)
    newest = commit_batch(services, third)
    rows = [
        TakenDown(each.contribution_id, "chat-1", each.content_hash, snapshot.sequence_number)
        for each, snapshot in ((second, middle), (third, newest))
    ]
    services.access.takedowns.record(
        "conversation", "chat-1", rows, reason=None, requested_by="test"
    )
    gone = pa.array(sorted(ids(second, third)), pa.large_string())
    erase_rows(load_table(services.catalog), ErasedRows(gone))

    assert latest(services, old) == ids(first)
    assert latest(services, middle) == latest(services, newest) == set()
    view = services.reading.snapshots.view(Reference())
    assert services.reading.versions.of(view, "chat-1") == [
        Version(first.contribution_id, old.sequence_number),
        Version(second.contribution_id, middle.sequence_number, is_erased=True),
        Version(third.contribution_id, newest.sequence_number, is_erased=True),
    ]


@pytest.mark.slow
def test_nobody_is_shown_an_erased_version_and_none_before_it_is_current(
    services: Services,
) -> None:
    first, second = (make_received(0, str(number), **NAMED) for number in range(2))
    commit_batch(services, first)
    newest = commit_batch(services, second)
    services.access.takedowns.record(
        "contribution",
        second.contribution_id,
        [TakenDown(second.contribution_id, "chat-1", "", newest.sequence_number)],
        reason=None,
        requested_by="test",
    )
    erased = pa.array([second.contribution_id], pa.large_string())
    erase_rows(load_table(services.catalog), ErasedRows(erased))
    view = services.reading.snapshots.view(Reference())
    page = services.reading.lineage.page(view, UUID(first.contribution_id), 10, None)
    found = [(version.contribution_id, version.is_current) for version in page.versions]
    assert found == [(first.contribution_id, False)]
    assert latest(services, newest) == set()


@pytest.mark.slow
@pytest.mark.both
def test_the_latest_versions_that_some_commits_added_are_found_without_erased_ones(
    services: Services,
) -> None:
    made = [make_received(day, str(day), **NAMED) for day in range(4)]
    numbers = [commit_batch(services, each).sequence_number for each in made]
    commit_batch(services, make_received(0, conversation_id="single"))

    def latest_of(after: int, until: int) -> str | None:
        return services.reading.versions.latest(["chat-1", "single"], after, until).get("chat-1")

    assert latest_of(0, numbers[1]) == made[1].contribution_id
    assert latest_of(numbers[0], numbers[3]) == made[3].contribution_id
    assert latest_of(numbers[3], numbers[3]) is None
    gone = TakenDown(made[3].contribution_id, "chat-1", made[3].content_hash, numbers[3])
    services.access.takedowns.record("contribution", "x", [gone], reason=None, requested_by="test")
    assert latest_of(numbers[0], numbers[3]) == made[2].contribution_id
    assert latest_of(numbers[2], numbers[3]) is None
    assert services.reading.versions.latest([], 0, numbers[3]) == {}
