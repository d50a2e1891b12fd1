from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from catalog.errors import CommitConflict, SnapshotNotLive
from catalog.maintenance.thinning import Retention, thin, thinnable
from catalog.snapshots import (
    HOLD_MS,
    held,
    live_snapshots,
    tag_snapshot,
    tagged_snapshot_id,
)
from catalog.table import append_batch, load_table
from tests.catalog.maintenance.history import append_commits, compact_all, rows_at
from tests.catalog.races import InterruptedCatalog
from tests.factories import make_received

NEWEST_ALONE = Retention(newest=1, hours=0, days=0, read_grace=timedelta(0))


def now() -> datetime:
    return datetime.now(UTC)


def live_numbers(table: Table) -> list[int]:
    """Return the sequence numbers of the live snapshots, newest first."""
    return [snapshot.sequence_number for snapshot in live_snapshots(table)]


def thinned_numbers(table: Table, retention: Retention, at: datetime) -> list[int]:
    return [snapshot.sequence_number for snapshot in thinnable(table, retention, at)]


def test_the_newest_stay_and_the_others_go(catalog: SqlCatalog, table: Table) -> None:
    append_commits(table, 5)
    two = Retention(newest=2, hours=0, days=0, read_grace=timedelta(0))
    thin(table, thinnable(table, two, now()), now())
    assert live_numbers(load_table(catalog)) == [5, 4]


def spread(table: Table, ages: list[timedelta]) -> datetime:
    """Set the ages of the live snapshots, oldest first, and return the time of age 0."""
    at = datetime(2026, 6, 15, 12, 30, tzinfo=UTC)
    snapshots = sorted(table.metadata.snapshots, key=lambda each: each.sequence_number or 0)
    table.metadata = table.metadata.model_copy(
        update={
            "snapshots": [
                snapshot.model_copy(update={"timestamp_ms": int((at - age).timestamp() * 1000)})
                for snapshot, age in zip(snapshots, ages, strict=True)
            ]
        }
    )
    return at


@pytest.mark.slow
def test_of_each_recent_hour_and_day_the_newest_stays(table: Table) -> None:
    append_commits(table, 7, rows=1)
    hours = [75, 50, 49, 2.2, 1.8, 1.7, 0.1]
    at = spread(table, [timedelta(hours=hour) for hour in hours])
    # 09:30 three days ago, 10:30 and 11:30 two days ago; then 10:18, 10:42, 10:48 and 12:24.
    daily = Retention(newest=1, hours=0, days=3, read_grace=timedelta(0))
    assert thinned_numbers(table, daily, at) == [6, 5, 4, 2, 1]
    hourly = Retention(newest=1, hours=3, days=0, read_grace=timedelta(0))
    assert thinned_numbers(table, hourly, at) == [5, 4, 3, 2, 1]


@pytest.mark.slow
def test_the_number_of_kept_snapshots_is_bounded_for_any_history(table: Table) -> None:
    append_commits(table, 30, rows=1)
    at = spread(table, [timedelta(minutes=90) * age for age in range(30)][::-1])
    retention = Retention(newest=2, hours=4, days=2, read_grace=timedelta(0))
    assert 30 - len(thinnable(table, retention, at)) <= 2 + 4 + 1 + 2 + 1


def test_a_tagged_snapshot_stays(catalog: SqlCatalog, table: Table) -> None:
    tagged = append_commits(table, 4)[1]
    tag_snapshot(table, "v1", tagged.snapshot_id)
    thin(table, thinnable(table, NEWEST_ALONE, now()), now())
    assert live_numbers(load_table(catalog)) == [4, 2]
    assert tagged_snapshot_id(load_table(catalog), "v1") == tagged.snapshot_id


def test_a_snapshot_that_a_branch_points_to_is_kept(catalog: SqlCatalog, table: Table) -> None:
    branched = append_commits(table, 4)[1]
    table.manage_snapshots().create_branch(branched.snapshot_id, "side").commit()
    thin(table, thinnable(table, NEWEST_ALONE, now()), now())
    assert live_numbers(load_table(catalog)) == [4, 2]


def test_a_tag_that_is_set_in_the_middle_of_thinning_is_not_lost(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, table: Table
) -> None:
    first = append_commits(table, 3)[0]

    def tag() -> None:
        interrupted.before_commit = lambda: None
        tag_snapshot(load_table(catalog), "v1", first.snapshot_id)

    interrupted.before_commit = tag
    stale = load_table(interrupted)
    thin(stale, thinnable(stale, NEWEST_ALONE, now()), now())
    assert tagged_snapshot_id(load_table(catalog), "v1") == first.snapshot_id
    assert live_numbers(load_table(catalog)) == [3, 1]


def test_a_commit_that_comes_first_loses_nothing(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, table: Table
) -> None:
    append_commits(table, 3)

    def append() -> None:
        interrupted.before_swap = lambda: None
        append_commits(load_table(catalog), 1)

    interrupted.before_swap = append
    stale = load_table(interrupted)
    thin(stale, thinnable(stale, NEWEST_ALONE, now()), now())
    assert live_numbers(load_table(catalog)) == [4, 3]


def test_an_append_that_was_prepared_before_thinning_still_lands(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, table: Table
) -> None:
    append_commits(table, 3)

    def make_thin() -> None:
        thin(table, thinnable(table, NEWEST_ALONE, now()), now())

    interrupted.before_commit = make_thin
    append_batch(load_table(interrupted), uuid4(), [make_received()])
    assert live_numbers(load_table(catalog)) == [4, 3]


@pytest.mark.slow
def test_thinning_that_always_loses_gives_up(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, table: Table
) -> None:
    append_commits(table, 3)

    def append() -> None:
        append_commits(load_table(catalog), 1, rows=1)

    interrupted.before_swap = append
    stale = load_table(interrupted)
    with pytest.raises(CommitConflict):
        thin(stale, thinnable(stale, NEWEST_ALONE, now()), now())
    assert live_numbers(load_table(catalog))[-3:] == [3, 2, 1]


def test_concurrent_thinnings_have_the_same_result(catalog: SqlCatalog, table: Table) -> None:
    append_commits(table, 4)
    other = load_table(catalog)
    unneeded = thinnable(table, NEWEST_ALONE, now())
    thin(table, unneeded, now())
    thin(other, unneeded, now())
    assert live_numbers(load_table(catalog)) == [4]


@pytest.mark.slow
def test_every_snapshot_reads_the_same_after_it_was_thinned(
    catalog: SqlCatalog, table: Table
) -> None:
    snapshots = append_commits(table, 4)
    before = [rows_at(table, snapshot) for snapshot in snapshots]
    thin(table, thinnable(table, NEWEST_ALONE, now()), now())
    newest = load_table(catalog)
    assert [rows_at(newest, snapshot) for snapshot in snapshots] == before


@pytest.mark.slow
def test_files_that_a_recent_compaction_replaced_stay_referred_to(table: Table) -> None:
    append_commits(table, 3)
    compact_all(table)
    append_commits(table, 2)
    grace = Retention(newest=1, hours=0, days=0, read_grace=timedelta(hours=1))
    # The fourth commit replaced the files of the third, and readers may be at them.
    assert thinned_numbers(table, grace, now()) == [5, 2, 1]
    assert thinned_numbers(table, grace, now() + timedelta(hours=2)) == [5, 4, 3, 2, 1]


def test_a_held_snapshot_stays_until_it_is_let_go(table: Table) -> None:
    first = append_commits(table, 3)[0]
    with held(table, first.snapshot_id):
        assert thinned_numbers(table, NEWEST_ALONE, now()) == [2]
    table.refresh()
    assert thinned_numbers(table, NEWEST_ALONE, now()) == [2, 1]
    assert set(table.metadata.refs) == {"main"}


def test_an_expired_hold_no_longer_keeps_its_snapshot(catalog: SqlCatalog, table: Table) -> None:
    first = append_commits(table, 3)[0]
    with held(table, first.snapshot_id):
        later = now() + timedelta(milliseconds=HOLD_MS + 60_000)
        other = load_table(catalog)
        thin(other, thinnable(other, NEWEST_ALONE, later), later)
        assert live_numbers(load_table(catalog)) == [3]
        held_ids = {ref.snapshot_id for ref in load_table(catalog).metadata.refs.values()}
        assert first.snapshot_id not in held_ids


def test_a_thinned_snapshot_cannot_be_held(table: Table) -> None:
    first = append_commits(table, 2)[0]
    thin(table, thinnable(table, NEWEST_ALONE, now()), now())
    with pytest.raises(SnapshotNotLive), held(table, first.snapshot_id):
        pass
    assert set(table.metadata.refs) == {"main"}


@pytest.mark.slow
def test_under_an_embargo_the_newest_public_snapshot_stays_and_those_that_follow_it(
    table: Table,
) -> None:
    append_commits(table, 60)
    minute = timedelta(minutes=1)
    at = spread(table, [(59 - number) * minute for number in range(60)])
    retention = Retention(
        newest=1, hours=0, days=0, read_grace=timedelta(0), embargo=timedelta(minutes=24)
    )
    stay = set(live_numbers(table)) - set(thinned_numbers(table, retention, at))
    # The one of 24 minutes ago, and one of each minute since.
    assert stay == set(range(36, 61))
    ten_minutes = Retention(
        newest=1, hours=0, days=0, read_grace=timedelta(0), embargo=timedelta(minutes=240)
    )
    stay = set(live_numbers(table)) - set(thinned_numbers(table, ten_minutes, at))
    assert len(stay) in range(6, 9)


def test_the_oldest_snapshot_may_be_the_newest_public_one(table: Table) -> None:
    append_commits(table, 3)
    day = timedelta(days=1)
    at = spread(table, [30 * day, day / 2, timedelta(0)])
    retention = Retention(newest=1, hours=0, days=0, read_grace=timedelta(0), embargo=day)
    assert thinned_numbers(table, retention, at) == []
