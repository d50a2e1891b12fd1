"""Reading the contributions that were added since a position, page by page."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
from pyiceberg.table import Table

import catalog.reading.scan
from app.access.visibility.shown_again import NOTHING_SHOWN, ShownPosition
from app.query.history.changes import START, ChangeFeed, Changes, Position
from app.query.snapshots import Reference
from app.services import Services
from catalog.reading.plans import DataFile
from catalog.records import Contribution
from catalog.snapshots import Snapshot
from tests.batches import FEW_ROWS, scan_in_batches
from tests.factories import commit_batch, make_received
from tests.histories import RandomHistory

COMMITS = 25
LARGE = 10**9


def read(
    services: Services,
    after: Position = START,
    limit: int = 100,
    until: Snapshot | None = None,
    max_bytes: int = LARGE,
) -> Changes:
    reference = Reference(snapshot_id=until.snapshot_id if until else None)
    return ChangeFeed(services.reading.snapshots, services.access.shown, max_bytes).read(
        reference, after, limit
    )


def ids(changes: Changes) -> list[str]:
    found: list[str] = changes.rows.column("contribution_id").to_pylist()
    return found


def pages(services: Services, limit: int, max_bytes: int = LARGE) -> Iterator[Changes]:
    changes = read(services, limit=limit, max_bytes=max_bytes)
    yield changes
    while changes.more:
        changes = read(services, changes.end, limit, max_bytes=max_bytes)
        yield changes


def in_id_order(*contributions: Contribution) -> list[str]:
    return sorted(contribution.contribution_id for contribution in contributions)


def test_an_empty_lake_has_no_changes(services: Services) -> None:
    changes = read(services)
    assert (changes.rows.num_rows, changes.end, changes.more) == (0, START, False)


def test_changes_come_by_commit_and_within_one_by_id(services: Services) -> None:
    late, early = make_received(2), make_received(0)
    first, second = [make_received(1), late], [make_received(2), early]
    commit_batch(services, *reversed(first))
    commit_batch(services, *second)
    changes = read(services)
    assert ids(changes) == [*in_id_order(*first), *in_id_order(*second)]
    assert changes.rows.column("sequence_number").to_pylist() == [1, 1, 2, 2]
    assert not changes.more


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_of_any_length_hold_every_row_once_in_order(services: Services, limit: int) -> None:
    batches = [[make_received(day) for day in (2, 0, 1)] for _ in range(3)]
    for batch in batches:
        commit_batch(services, *batch)
    read_pages = list(pages(services, limit))
    assert [found for page in read_pages for found in ids(page)] == [
        contribution_id for batch in batches for contribution_id in in_id_order(*batch)
    ]
    assert all(page.rows.num_rows == limit for page in read_pages[:-1])


def test_a_reader_at_the_end_gets_no_rows_and_the_same_position(
    services: Services,
) -> None:
    commit_batch(services, make_received())
    end = read(services).end
    again = read(services, end)
    assert (again.rows.num_rows, again.end, again.more) == (0, end, False)
    later = make_received()
    commit_batch(services, later)
    assert ids(read(services, end)) == [later.contribution_id]


@pytest.mark.slow
def test_rows_newer_than_the_snapshot_are_left_for_later(
    services: Services,
) -> None:
    commit_batch(services, make_received())
    then = commit_batch(services, make_received())
    later = make_received()
    commit_batch(services, later)
    changes = read(services, until=then)
    assert changes.rows.num_rows == 2
    assert changes.snapshot == then
    assert ids(read(services, changes.end)) == [later.contribution_id]


@pytest.mark.slow
def test_every_version_is_a_change(services: Services) -> None:
    key = {"contributor_id": "ada", "conversation_id": "chat-1"}
    versions = [make_received(0, **key), make_received(1, **key)]
    for version in versions:
        commit_batch(services, version)
    assert ids(read(services)) == [version.contribution_id for version in versions]


@pytest.mark.slow
def test_large_contributions_come_in_shorter_pages_and_none_is_left_out(
    services: Services,
) -> None:
    batches = [[make_received(day, "x" * 50_000) for day in (1, 0, 1)] for _ in range(3)]
    for batch in batches:
        commit_batch(services, *batch)
    found = list(pages(services, limit=100, max_bytes=120_000))
    assert all(1 <= page.rows.num_rows <= 2 for page in found)
    assert [each for page in found for each in ids(page)] == [
        contribution_id for batch in batches for contribution_id in in_id_order(*batch)
    ]
    assert [page.rows.num_rows for page in pages(services, limit=100, max_bytes=1)] == [1] * 9


@pytest.mark.slow
def test_only_files_that_were_written_since_are_opened(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(4):
        commit_batch(services, make_received(day))
    end = read(services).end
    commit_batch(services, make_received(0))
    opened: list[int] = []

    def recording(table: Table, files: Sequence[DataFile], *given: Any, **named: Any) -> Any:
        opened.extend(file.sequence_number for file in files)
        return catalog.reading.scan.read(table, files, *given, **named)

    monkeypatch.setattr("app.query.history.changes.read", recording)
    assert read(services, end).rows.num_rows == 1
    assert set(opened) == {5}
    opened.clear()
    assert read(services, limit=1).more
    # One key more than the limit is read, which tells that there are more.
    assert max(opened) <= 2


@pytest.mark.slow
def test_every_row_of_a_random_history_is_read_in_order_despite_maintenance(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(1)  # noqa: S311  # a history, not a secret
    history = RandomHistory(services, random=random)
    found: list[str] = []
    at = START
    for number in range(COMMITS):
        history.commit_some()
        history.maintain()
        scan_in_batches(monkeypatch, random.choice(FEW_ROWS))
        while random.random() < 0.7 or number == COMMITS - 1:
            changes = read(services, at, limit=random.randint(1, 12))
            found += ids(changes)
            at = changes.end
            if not changes.more:
                break
    recorded = sorted(history.rows, key=lambda row: row.age)
    assert found == [row.contribution.contribution_id for row in recorded]
    for snapshot in random.sample(history.snapshots, 10):
        since = read(services, Position(snapshot.sequence_number), limit=1_000)
        assert ids(since) == [
            row.contribution.contribution_id
            for row in sorted(history.after(snapshot), key=lambda row: row.age)
        ]


# What is shown again.


def hide(services: Services, *contributions: Contribution) -> None:
    """Put contributions into quarantine."""
    with services.database.write() as connection:
        ids_of = [each.contribution_id for each in contributions]
        services.access.hidden.hide(connection, ids_of, "quarantine")


def show(services: Services, *contributions: Contribution) -> None:
    """End the quarantine of contributions."""
    with services.database.write() as connection:
        ids_of = [each.contribution_id for each in contributions]
        services.access.hidden.show(connection, ids_of, "quarantine")


def follow(
    services: Services,
    after: Position,
    shown: ShownPosition | None,
    limit: int = 100,
    max_bytes: int = LARGE,
) -> list[Changes]:
    """Return the pages that a reader gets, from one place to another."""
    feed = ChangeFeed(services.reading.snapshots, services.access.shown, max_bytes)
    found = [feed.read(Reference(), after, limit, shown_after=shown)]
    while found[-1].more:
        last = found[-1]
        found.append(feed.read(Reference(), last.end, limit, shown_after=last.shown_end))
    return found


@pytest.mark.slow
@pytest.mark.both
def test_what_is_shown_again_comes_after_what_was_added(services: Services) -> None:
    first, second = ([make_received(day) for day in range(3)] for _ in range(2))
    hide(services, first[0], first[2])
    commit_batch(services, *first)
    (page,) = follow(services, START, None)
    assert ids(page) == [first[1].contribution_id]
    show(services, first[2], first[0])
    commit_batch(services, *second)
    (later,) = follow(services, page.end, page.shown_end)
    assert ids(later) == [
        *in_id_order(*second),
        *in_id_order(first[0], first[2]),
    ]
    assert later.rows.schema == page.rows.schema
    (nothing,) = follow(services, later.end, later.shown_end)
    assert ids(nothing) == []
    # Who begins now has all of it once.
    (everything,) = follow(services, START, None)
    assert sorted(ids(everything)) == in_id_order(*first, *second)


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "max_bytes"), [(1, LARGE), (2, LARGE), (100, 1)])
def test_what_is_shown_again_comes_in_pages_each_row_once(
    services: Services, limit: int, max_bytes: int
) -> None:
    made = [make_received(day) for day in range(4)]
    hide(services, *made)
    commit_batch(services, *made)
    (page,) = follow(services, START, None)
    for each in (made[2], made[0], made[3]):
        show(services, each)
    found = follow(services, page.end, page.shown_end, limit, max_bytes)
    assert len(found) > 1
    assert all(len(ids(page)) <= limit for page in found)
    given = [each for page in found for each in ids(page)]
    assert sorted(given) == in_id_order(made[0], made[2], made[3])


def test_who_reads_up_to_an_older_snapshot_misses_nothing_that_is_shown_again(
    services: Services,
) -> None:
    old = commit_batch(services, make_received(0))
    hidden = make_received(1)
    hide(services, hidden)
    commit_batch(services, hidden)
    (page,) = follow(services, START, None)
    show(services, hidden)
    feed = ChangeFeed(services.reading.snapshots, services.access.shown, LARGE)
    until = Reference(snapshot_id=old.snapshot_id)
    back = feed.read(until, page.end, 100, shown_after=page.shown_end)
    assert (ids(back), back.more, back.shown_end) == ([], False, page.shown_end)
    (last,) = follow(services, back.end, back.shown_end)
    assert ids(last) == in_id_order(hidden)


@pytest.mark.slow
def test_what_is_hidden_again_or_not_committed_yet_is_passed_over(services: Services) -> None:
    made = [make_received(day) for day in range(3)]
    commit_batch(services, made[0])
    (page,) = follow(services, START, None)
    hide(services, *made)
    show(services, *made)
    hide(services, made[0])
    (later,) = follow(services, page.end, page.shown_end)
    assert ids(later) == []
    commit_batch(services, *made[1:])
    show(services, made[0])
    (last,) = follow(services, later.end, later.shown_end)
    assert ids(last) == [*in_id_order(*made[1:]), made[0].contribution_id]
    # A reader whose cursor knows nothing of it gets it all, each row once in an answer.
    (all_of_it,) = follow(services, START, NOTHING_SHOWN)
    assert sorted(ids(all_of_it)) == in_id_order(*made)
