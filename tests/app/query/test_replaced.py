"""What was replaced as of a snapshot, for the days that a reader asks about."""

from collections.abc import Sequence
from datetime import date, timedelta

import pyarrow as pa
import pytest

from app.query.replaced import ReplacedReader
from app.query.snapshots import SnapshotView
from app.services import Services
from catalog.replaced import REPLACED_IDENTIFIER
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.factories import FIRST_DAY, commit_batch, make_contribution, make_received

KEY = {"contributor_id": "ada", "conversation_id": "chat-1"}
DAY = FIRST_DAY.date()


@pytest.fixture
def commits(services: Services) -> Sequence[Snapshot]:
    """Three versions of one conversation, the second of another day."""
    days = (0, 1, 0)
    return [commit_batch(services, make_received(day, str(day), **KEY)) for day in days]


def _on(services: Services, reader: ReplacedReader, snapshot: Snapshot, day: date) -> int:
    view = SnapshotView(load_table(services.catalog), snapshot)
    return len(reader.as_of(view).on(day))


@pytest.mark.parametrize("cache_bytes", [0, 1_000_000])
def test_a_day_has_what_was_replaced_of_it_by_then(
    services: Services, commits: Sequence[Snapshot], cache_bytes: int
) -> None:
    load = lambda: load_table(services.catalog, REPLACED_IDENTIFIER)  # noqa: E731  # for one use
    reader = ReplacedReader(load, cache_bytes)
    for _ in range(2):
        assert [_on(services, reader, each, DAY) for each in commits] == [0, 1, 1]
        next_day = DAY + timedelta(days=1)
        assert [_on(services, reader, each, next_day) for each in commits] == [0, 0, 1]
        assert _on(services, reader, commits[-1], DAY + timedelta(days=2)) == 0


def test_what_is_near_some_ids_is_of_their_days(
    services: Services, commits: Sequence[Snapshot]
) -> None:
    view = SnapshotView(load_table(services.catalog), commits[-1])
    as_of = services.reading.replaced.as_of(view)
    assert len(as_of.near(pa.array([], pa.large_string()))) == 0
    beyond_the_calendar = "ffffffff-ffff-7fff-bfff-ffffffffffff"
    for days, expected in (((0,), 1), ((0, 1), 2), ((2,), 0)):
        ids = [make_received(day).contribution_id for day in days]
        assert len(as_of.near(pa.array(ids, pa.large_string()))) == expected
        every = pa.array([*ids, beyond_the_calendar], pa.large_string())
        assert len(as_of.near(every)) == (2 if 0 in days else 0)


def test_what_was_replaced_between_two_commits_is_of_days(
    services: Services, commits: Sequence[Snapshot]
) -> None:
    first, second, third = (each.sequence_number for each in commits)
    as_of = services.reading.replaced.as_of(SnapshotView(load_table(services.catalog), commits[-1]))
    next_day = DAY + timedelta(days=1)
    assert as_of.days_since(first) == [DAY, next_day]
    assert as_of.days_since(second) == [next_day]
    assert as_of.days_since(third) == []
    assert [len(as_of.on(DAY, after)) for after in (first, second, third)] == [1, 0, 0]
    files = as_of.files_of(next_day, second)
    assert [as_of.count(file, second) for file in files] == [1]
    then = services.reading.replaced.as_of(SnapshotView(load_table(services.catalog), commits[1]))
    assert then.days_since(first) == [DAY]


def test_an_empty_lake_has_replaced_nothing(services: Services) -> None:
    as_of = services.reading.replaced.as_of(SnapshotView(load_table(services.catalog), None))
    assert len(as_of.on(DAY)) == 0
    assert as_of.days_since(0) == []
    assert len(as_of.near(pa.array([make_contribution().contribution_id]))) == 0
