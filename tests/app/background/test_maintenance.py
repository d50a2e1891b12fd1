"""Maintenance of a whole lake, with its ledger, its claims and its committer."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from app.background.maintenance import (
    CompactionResult,
    Maintenance,
    MaintenanceResult,
    ThinningResult,
)
from app.ingest.uploads import Uploads
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from app.settings import Settings
from app.state import thinned_builds
from app.state.thinned_builds import ThinnedBuild
from catalog.maintenance.compaction import CompactionStopped
from catalog.snapshots import held, tag_snapshot
from catalog.stage_tables import replace_files, stage_rows
from catalog.stages import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA, SOURCE_SNAPSHOT_PROPERTY
from catalog.staging import StagedFile, StagedFiles
from catalog.table import append_batch, load_table
from tests.app.ingest.polling import wait_until
from tests.factories import FIRST_DAY, commit_batch, make_contribution
from tests.factories import make_received as make
from tests.lakes import LakeTemplate

_WAIT_S = 30
STAGE = COMPUTED_STAGES["cleaned"].dropped


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    """Settings that keep few snapshots live and compact early."""
    return lake_template.copy(
        tmp_path / "home",
        keep_snapshots=2,
        keep_hourly_snapshots=0,
        keep_daily_snapshots=0,
        compact_open_day_files=5,
        maintenance_interval_s=0.05,
    )


def maintenance(services: Services, now: datetime | None = None, **given: object) -> Maintenance:
    """Return maintenance whose clock is at `now`, by default three hours after the last commits."""
    moment = now or datetime.now(UTC) + timedelta(hours=3)
    settings = replace(services.settings, **given)  # type: ignore[arg-type]
    return Maintenance(
        services.database,
        services.claims,
        services.catalog,
        services.version_recorder,
        settings,
        clock=lambda: moment,
    )


def live(services: Services) -> list[int]:
    """Return the sequence numbers of the live snapshots."""
    metadata = load_table(services.catalog).metadata
    return sorted(snapshot.sequence_number or 0 for snapshot in metadata.snapshots)


def data_files(services: Services) -> int:
    table = load_table(services.catalog)
    return len(list(Path(table.location().removeprefix("file://")).rglob("*.parquet")))


@pytest.mark.slow
def test_thinning_keeps_the_ledger_and_the_newest(services: Services) -> None:
    snapshots = [commit_batch(services, make()) for _ in range(5)]
    assert maintenance(services).thin() == ThinningResult(thinned=3, live=2)
    assert live(services) == [4, 5]
    for snapshot in snapshots:
        view = services.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
        assert services.contributions.count(view, Filters()) == snapshot.total_rows


@pytest.mark.slow
def test_a_dry_run_of_thinning_changes_nothing(services: Services) -> None:
    for _ in range(5):
        commit_batch(services, make())
    assert maintenance(services).thin(dry_run=True) == ThinningResult(thinned=3, live=2)
    assert len(live(services)) == 5


@pytest.mark.slow
def test_a_snapshot_that_the_ledger_lacks_is_not_thinned(services: Services) -> None:
    commit_batch(services, make())
    append_batch(load_table(services.catalog), uuid4(), [make()])
    for _ in range(3):
        commit_batch(services, make())
    maintenance(services).thin()
    assert live(services) == [2, 4, 5]


@pytest.mark.slow
def test_the_snapshot_of_a_claim_that_is_not_settled_is_not_thinned(services: Services) -> None:
    services.journal.append(make_contribution())
    batch_id = services.claims.claim(max_rows=10, max_bytes=10**6)
    assert batch_id is not None
    batch = services.claims.batch(batch_id)
    assert batch is not None
    append_batch(load_table(services.catalog), batch_id, batch.rows)
    # As a new committer does when it takes over.
    services.committer().reconcile()
    for _ in range(3):
        commit_batch(services, make())
    maintenance(services).thin()
    assert live(services) == [1, 3, 4]
    services.committer().drain()
    maintenance(services).thin()
    assert live(services) == [3, 4]
    view = services.snapshots.view(Reference())
    assert services.contributions.count(view, Filters()) == 4


@pytest.mark.slow
def test_compaction_is_in_the_ledger_and_changes_no_answer(services: Services) -> None:
    snapshots = [commit_batch(services, make(0), make(1)) for _ in range(3)]
    results = list(maintenance(services).compact(Event()))
    assert [(result.files_before, result.files_after) for result in results] == [(3, 1), (3, 1)]
    assert [result.day for result in results] == [
        (FIRST_DAY + timedelta(days=day)).date() for day in range(2)
    ]
    newest = services.snapshots.view(Reference()).snapshot
    assert newest is not None
    assert (newest.operation, newest.added_rows, newest.total_rows) == ("replace", 0, 6)
    for snapshot in snapshots:
        view = services.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
        assert services.contributions.count(view, Filters()) == snapshot.total_rows


def test_a_dry_run_of_compaction_tells_the_days_and_changes_nothing(services: Services) -> None:
    for _ in range(3):
        commit_batch(services, make())
    (result,) = maintenance(services).small_files()
    assert isinstance(result, CompactionResult)
    assert (result.day, result.rows, result.files_before) == (FIRST_DAY.date(), 3, 3)
    assert result.files_after is None
    assert live(services) == [1, 2, 3]


def test_a_day_is_closed_an_hour_after_its_end(services: Services) -> None:
    for _ in range(3):
        commit_batch(services, make())
    midnight = datetime.combine(FIRST_DAY.date() + timedelta(days=1), datetime.min.time(), UTC)
    assert maintenance(services, midnight + timedelta(minutes=59)).small_files() == []
    assert len(maintenance(services, midnight + timedelta(minutes=61)).small_files()) == 1


@pytest.mark.slow
def test_a_compaction_waits_for_the_batch_that_it_may_have_overtaken(services: Services) -> None:
    for _ in range(3):
        commit_batch(services, make(0), make(1))
    services.journal.append(make_contribution())
    assert services.claims.claim(max_rows=10, max_bytes=10**6)
    stop = Event()
    results = maintenance(services).compact(stop)
    assert next(results).files_after == 1
    thread = Thread(target=services.committer().drain)
    thread.start()
    # Without the committer it would wait for ever.
    assert next(results).files_after == 1
    thread.join()
    assert services.claims.open_claim() is None


@pytest.mark.slow
def test_waiting_ends_on_stop(services: Services) -> None:
    for _ in range(3):
        commit_batch(services, make())
    services.journal.append(make_contribution())
    assert services.claims.claim(max_rows=10, max_bytes=10**6)
    stop = Event()
    results = maintenance(services).compact(stop)
    next(results)
    stop.set()
    with pytest.raises(CompactionStopped):
        next(results)


def make_old(table: Table) -> None:
    moment = datetime.now(UTC).timestamp() - 30 * 86_400
    for path in Path(table.location().removeprefix("file://")).rglob("*"):
        os.utime(path, (moment, moment))


@pytest.mark.slow
def test_orphans_are_listed_in_a_dry_run_and_removed_otherwise(services: Services) -> None:
    snapshots = [commit_batch(services, make()) for _ in range(3)]
    service = maintenance(services)
    list(service.compact(Event()))
    commit_batch(services, make())
    commit_batch(services, make())
    service.thin()
    make_old(load_table(services.catalog))
    files = data_files(services)
    found = service.remove_orphans(dry_run=True)
    assert data_files(services) == files
    assert sum(path.endswith(".parquet") for path in found.paths) == 3
    assert found.size_bytes > 0
    assert service.remove_orphans() == found
    assert data_files(services) == files - 3
    assert service.remove_orphans().paths == ()
    for snapshot in snapshots:
        view = services.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
        assert services.contributions.count(view, Filters()) == snapshot.total_rows


def test_files_that_wait_for_their_commit_are_no_orphans(services: Services) -> None:
    commit_batch(services, make())
    table = load_table(services.catalog)
    upload = Path(table.location().removeprefix("file://")) / "data" / "upload.parquet"
    upload.touch()
    make_old(table)
    later = datetime.now(UTC) + timedelta(days=3)
    service = maintenance(services, later)
    assert service.remove_orphans(dry_run=True).paths == (str(upload),)
    uploads = Uploads(services.database, timedelta(days=1))
    file = StagedFile(f"file://{upload}", rows=1)
    uploads.acknowledge(uploads.open(), [file], repeated_entry_id=0, digest=b"", answer=b"")
    assert service.remove_orphans().paths == ()
    assert upload.exists()


@contextmanager
def running(service: Maintenance, observe: Callable[[MaintenanceResult], None]) -> Iterator[Thread]:
    """Run maintenance on its schedule in a thread, until the block ends."""
    stop = Event()
    thread = Thread(target=service.run, args=(stop, observe))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(_WAIT_S)


@pytest.mark.slow
def test_scheduled_maintenance_does_all_due_jobs_and_stops_on_request(
    services: Services,
) -> None:
    for _ in range(6):
        commit_batch(services, make())
    results: list[MaintenanceResult] = []
    compacted = Event()

    def observe(result: MaintenanceResult) -> None:
        results.append(result)
        if isinstance(result, CompactionResult):
            compacted.set()

    with running(maintenance(services), observe) as thread:
        assert compacted.wait(_WAIT_S)
    assert not thread.is_alive()
    assert results[0] == ThinningResult(thinned=4, live=2)
    assert isinstance(results[1], CompactionResult)


@pytest.mark.slow
def test_a_failure_is_logged_and_the_schedule_goes_on(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        commit_batch(services, make())
    table = load_table(services.catalog)
    (path, *_) = Path(table.location().removeprefix("file://")).rglob("*.parquet")
    content = path.read_bytes()
    path.write_bytes(b"broken")
    compacted = Event()
    with running(maintenance(services), lambda _: compacted.set()):
        wait_until(lambda: "maintenance failed" in caplog.text, "the failure")
        path.write_bytes(content)
        assert compacted.wait(_WAIT_S)
    assert live(services) == [1, 2, 3]


def build_stage(services: Services, *rows: int) -> int:
    """Replace what a table of a stage has, as a build does, and return the snapshot's id."""
    table = load_table(services.catalog, STAGE)
    files = StagedFiles(table, uuid4())
    reasons = [
        {"contribution_id": make().contribution_id, "received_at": FIRST_DAY, "reason": str(row)}
        for row in rows
    ]
    files.write(pa.Table.from_pylist(reasons, DROPPED_ARROW_SCHEMA))
    return replace_files(table, lambda _: True, files.finish(), {SOURCE_SNAPSHOT_PROPERTY: "7"})


def live_of_stage(services: Services) -> list[int]:
    """Return the ids of the live snapshots of the stage's table, oldest first."""
    snapshots = load_table(services.catalog, STAGE).metadata.snapshots
    by_number = sorted(snapshots, key=lambda snapshot: snapshot.sequence_number or 0)
    return [snapshot.snapshot_id for snapshot in by_number]


def reasons_in(services: Services, snapshot_id: int) -> list[str]:
    batches = stage_rows(load_table(services.catalog, STAGE), snapshot_id, ["reason"])
    return [reason for batch in batches for reason in batch["reason"].to_pylist()]


@pytest.mark.slow
def test_of_a_stage_the_newest_builds_stay_and_those_that_something_holds(
    services: Services,
) -> None:
    builds = [build_stage(services, number) for number in range(6)]
    table = load_table(services.catalog, STAGE)
    tag_snapshot(table, "release", builds[1])
    kept = maintenance(services, keep_stage_snapshots=2)
    with held(table, builds[2]):
        expected = [ThinningResult(2, 4, "cleaned_dropped")]
        assert list(kept.thin_stages(dry_run=True)) == expected
        assert live_of_stage(services) == builds
        assert list(kept.thin_stages()) == expected
        assert live_of_stage(services) == [builds[1], builds[2], *builds[4:]]
    list(kept.thin_stages())
    assert live_of_stage(services) == [builds[1], *builds[4:]]
    assert [reasons_in(services, each) for each in live_of_stage(services)] == [["1"], ["4"], ["5"]]


def test_builds_of_rows_are_recorded_before_they_are_thinned(services: Services) -> None:
    source = commit_batch(services, make(0))
    table = load_table(services.catalog, COMPUTED_STAGES["cleaned"].rows)
    properties = {SOURCE_SNAPSHOT_PROPERTY: str(source.snapshot_id)}
    first, _ = (replace_files(table, lambda _: True, [], properties) for _ in range(2))
    kept = maintenance(services, keep_stage_snapshots=1)
    built = table.metadata.snapshot_by_id(first)
    with services.database.read() as connection:
        assert thinned_builds.by_id(connection, "cleaned", first) is None
    assert list(kept.thin_stages(dry_run=True)) == list(kept.thin_stages())
    with services.database.read() as connection:
        thinned = thinned_builds.by_id(connection, "cleaned", first)
        newest = thinned_builds.newest_as_of(connection, "cleaned", source.sequence_number)
        assert thinned_builds.newest_as_of(connection, "cleaned", 0) is None
    assert built
    assert (
        thinned
        == newest
        == ThinnedBuild(
            snapshot_id=first,
            stage="cleaned",
            sequence_number=built.sequence_number or 0,
            source_number=source.sequence_number,
            built_at=datetime.fromtimestamp(built.timestamp_ms / 1000, UTC),
        )
    )


def test_a_build_that_readers_may_be_reading_stays_with_its_files(services: Services) -> None:
    builds = [build_stage(services, number) for number in range(4)]
    soon = datetime.now(UTC) + timedelta(minutes=30)
    list(maintenance(services, soon, keep_stage_snapshots=1).thin_stages())
    assert live_of_stage(services) == builds


def test_files_of_thinned_builds_are_orphans_and_those_of_live_ones_are_not(
    services: Services,
) -> None:
    builds = [build_stage(services, number) for number in range(3)]
    tag_snapshot(load_table(services.catalog, STAGE), "release", builds[0])
    later = maintenance(services, datetime.now(UTC) + timedelta(days=9), keep_stage_snapshots=1)
    list(later.thin_stages())
    make_old(load_table(services.catalog, STAGE))
    removed = [path for path in later.remove_orphans().paths if path.endswith(".parquet")]
    assert len(removed) == 1
    assert [reasons_in(services, each) for each in live_of_stage(services)] == [["0"], ["2"]]
