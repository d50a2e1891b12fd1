from datetime import UTC, datetime, timedelta
from math import ceil

import pytest

from app.access.errors import SnapshotNotPublic
from app.access.visibility.embargo import Embargo
from app.services import Services
from app.state import ledger_changes
from catalog.snapshots import Snapshot

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record(services: Services, *times: datetime) -> list[Snapshot]:
    """Have the ledger know snapshots that were committed at these times, in this order."""
    made = [
        Snapshot(
            snapshot_id=number,
            sequence_number=number,
            committed_at=moment,
            operation="append",
            batch_id=None,
            added_rows=1,
            total_rows=number,
            added_files=1,
            added_bytes=1,
        )
        for number, moment in enumerate(times, 1)
    ]
    with services.database.write() as connection:
        ledger_changes.record(connection, made)
    return made


def public(services: Services, embargo: Embargo, snapshots: list[Snapshot]) -> list[int]:
    """Return the ids of the public ones."""
    found = []
    with services.database.read() as connection:
        for snapshot in snapshots:
            try:
                embargo.check(connection, snapshot)
            except SnapshotNotPublic:
                continue
            found.append(snapshot.snapshot_id)
    return found


@pytest.mark.both
def test_a_snapshot_is_public_from_the_age_of_the_embargo_on(services: Services) -> None:
    made = record(services, NOON - 2 * HOUR, NOON - HOUR, NOON)
    assert public(services, Embargo(HOUR, lambda: NOON), made) == [1, 2]
    assert public(services, Embargo(HOUR, lambda: NOON + HOUR), made) == [1, 2, 3]
    assert public(services, Embargo(timedelta(), lambda: NOON), made) == [1, 2, 3]


def test_a_snapshot_after_a_young_one_is_young_although_the_clock_was_set_back(
    services: Services,
) -> None:
    second = timedelta(seconds=1)
    made = record(services, NOON - 2 * HOUR, NOON - HOUR + second, NOON - HOUR)
    assert public(services, Embargo(HOUR, lambda: NOON), made) == [1]
    assert public(services, Embargo(HOUR, lambda: NOON + second), made) == [1, 2, 3]


def test_the_refusal_tells_when_the_snapshot_is_public(services: Services) -> None:
    (snapshot,) = record(services, NOON)
    wait = timedelta(minutes=59, seconds=0.5)
    embargo = Embargo(HOUR, lambda: NOON + HOUR - wait)
    with services.database.read() as connection, pytest.raises(SnapshotNotPublic) as refused:
        embargo.check(connection, snapshot)
    assert refused.value.public_from == NOON + HOUR
    assert refused.value.retry_after_s == ceil(wait.total_seconds())
    assert refused.value.errors == {"public_from": ["2026-11-01T13:00:00.000Z"]}


@pytest.mark.parametrize("moment", [NOON - HOUR + timedelta(microseconds=1), NOON, NOON + HOUR])
def test_a_young_time_is_refused_alike_with_and_without_young_snapshots(moment: datetime) -> None:
    with pytest.raises(SnapshotNotPublic) as refused:
        Embargo(HOUR, lambda: NOON).check_time(moment)
    assert refused.value.public_from == moment + HOUR


def test_a_time_is_public_from_the_age_of_the_embargo_on() -> None:
    Embargo(HOUR, lambda: NOON).check_time(NOON - HOUR)
    Embargo(timedelta(), lambda: NOON).check_time(NOON + HOUR)


def test_the_last_time_of_all_is_refused_as_others_are() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    with pytest.raises(SnapshotNotPublic) as refused:
        Embargo(HOUR, lambda: NOON).check_time(last)
    assert refused.value.public_from == last
