from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection

from app.access.visibility.audience import KEY_HOLDERS, PUBLIC
from app.query import growth
from app.query.growth import GrowthEntry, read_growth
from app.services import Services
from app.state import ledger_changes
from app.state.db import Database
from catalog.snapshots import Snapshot
from tests.factories import commit_batch, make_received

pytestmark = pytest.mark.both

_START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def connection(services: Services) -> Iterator[Connection]:
    """A connection to an empty ledger."""
    database: Database = services.database
    with database.write() as opened:
        yield opened


def record(connection: Connection, *days: float) -> None:
    """Record a commit of one row and one byte at each of some times, in days."""
    ledger_changes.record(
        connection,
        (
            Snapshot(
                snapshot_id=number,
                sequence_number=number,
                committed_at=_START + timedelta(days=day),
                operation="append",
                batch_id=None,
                added_rows=1,
                total_rows=number,
                added_files=1,
                added_bytes=1,
            )
            for number, day in enumerate(days, 1)
        ),
    )


def test_a_lake_without_commits_has_not_grown(connection: Connection) -> None:
    assert read_growth(connection, None).entries == []


def test_each_day_has_its_commits_and_the_rows_at_its_end(connection: Connection) -> None:
    record(connection, 0, 0.1, 0.49, 2, 2.1)
    found = read_growth(connection, None)
    assert found.entries == [
        GrowthEntry(date(2026, 1, 1), 3, 3),
        GrowthEntry(date(2026, 1, 2), 3, 0),
        GrowthEntry(date(2026, 1, 3), 5, 2),
    ]
    assert found.commits == 5
    assert found.began_at == _START
    assert found.added_bytes == {date(2026, 1, 1): 3, date(2026, 1, 3): 2}


def test_later_commits_than_those_that_are_asked_for_do_not_count(connection: Connection) -> None:
    record(connection, 0, 1, 2)
    found = read_growth(connection, before=3)
    assert [entry.total_rows for entry in found.entries] == [1, 2]
    assert read_growth(connection, before=1).entries == []


def test_an_entry_of_a_long_history_stands_for_several_days(connection: Connection) -> None:
    record(connection, *range(0, 800, 8))
    found = read_growth(connection, None)
    assert found.days == 3
    assert len(found.entries) <= growth.MAX_DAYS
    assert found.commits == 100
    assert found.entries[-1].total_rows == 100
    assert found.entries[-1].day == (_START + timedelta(days=792)).date()


def test_only_days_whose_files_are_all_summed_up_have_bytes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "SUMMED_COMMITS", 3)
    record(connection, 0, 1, 1.1, 2, 2.1)
    assert read_growth(connection, None).added_bytes == {date(2026, 1, 3): 2}


def test_a_clock_that_was_set_back_loses_no_commit(connection: Connection) -> None:
    record(connection, 0, 5, 1, 2)
    found = read_growth(connection, None)
    assert found.commits == 4
    assert found.entries[-1].total_rows == 4


def test_an_audience_sees_no_growth_that_is_under_embargo(services: Services) -> None:
    commit_batch(services, make_received())
    services.access.embargo.age = timedelta(days=1)
    assert services.reading.snapshots.growth(PUBLIC).entries == []
    assert services.reading.snapshots.growth(KEY_HOLDERS).commits == 1
