from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest

from app.background.maintenance.results import CompactionResult
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from catalog.maintenance.compaction import CompactionStopped
from tests.app.background.maintenance.upkeep import live, maintenance
from tests.factories import FIRST_DAY, commit_batch, make_contribution
from tests.factories import make_received as make


@pytest.mark.slow
def test_compaction_is_in_the_ledger_and_changes_no_answer(services: Services) -> None:
    snapshots = [commit_batch(services, make(0), make(1)) for _ in range(3)]
    results = list(maintenance(services).compaction.compact(Event()))
    assert [(result.files_before, result.files_after) for result in results] == [(3, 1), (3, 1)]
    assert [result.day for result in results] == [
        (FIRST_DAY + timedelta(days=day)).date() for day in range(2)
    ]
    newest = services.reading.snapshots.view(Reference()).snapshot
    assert newest is not None
    assert (newest.operation, newest.added_rows, newest.total_rows) == ("replace", 0, 6)
    for snapshot in snapshots:
        view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
        assert services.reading.contributions.count(view, Filters()) == snapshot.total_rows


def test_a_dry_run_of_compaction_tells_the_days_and_changes_nothing(services: Services) -> None:
    for _ in range(3):
        commit_batch(services, make())
    (result,) = maintenance(services).compaction.small_files()
    assert isinstance(result, CompactionResult)
    assert (result.day, result.rows, result.files_before) == (FIRST_DAY.date(), 3, 3)
    assert result.files_after is None
    assert live(services) == [1, 2, 3]


def test_a_day_is_closed_an_hour_after_its_end(services: Services) -> None:
    for _ in range(3):
        commit_batch(services, make())
    midnight = datetime.combine(FIRST_DAY.date() + timedelta(days=1), datetime.min.time(), UTC)
    assert maintenance(services, midnight + timedelta(minutes=59)).compaction.small_files() == []
    assert (
        len(maintenance(services, midnight + timedelta(minutes=61)).compaction.small_files()) == 1
    )


@pytest.mark.slow
def test_a_compaction_waits_for_the_batch_that_it_may_have_overtaken(services: Services) -> None:
    for _ in range(3):
        commit_batch(services, make(0), make(1))
    services.ingest.journal.append(make_contribution())
    assert services.ingest.claims.claim(max_rows=10, max_bytes=10**6)
    stop = Event()
    results = maintenance(services).compaction.compact(stop)
    assert next(results).files_after == 1
    thread = Thread(target=services.jobs.committer().drain)
    thread.start()
    # Without the committer it would wait for ever.
    assert next(results).files_after == 1
    thread.join()
    assert services.ingest.claims.open_claim() is None


@pytest.mark.slow
def test_waiting_ends_on_stop(services: Services) -> None:
    for _ in range(3):
        commit_batch(services, make())
    services.ingest.journal.append(make_contribution())
    assert services.ingest.claims.claim(max_rows=10, max_bytes=10**6)
    stop = Event()
    results = maintenance(services).compaction.compact(stop)
    next(results)
    stop.set()
    with pytest.raises(CompactionStopped):
        next(results)
