from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.background.maintenance.results import ThinningResult
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from app.state import thinned_builds
from app.state.thinned_builds import ThinnedBuild
from catalog.snapshots import held, tag_snapshot
from catalog.stages.builds import replace_files
from catalog.stages.tables import COMPUTED_STAGES, SOURCE_SNAPSHOT_PROPERTY
from catalog.table import append_batch, load_table
from tests.app.background.maintenance.upkeep import (
    STAGE,
    build_stage,
    live,
    live_of_stage,
    maintenance,
    reasons_in,
)
from tests.factories import commit_batch, make_contribution
from tests.factories import make_received as make


@pytest.mark.slow
def test_thinning_keeps_the_ledger_and_the_newest(services: Services) -> None:
    snapshots = [commit_batch(services, make()) for _ in range(5)]
    assert maintenance(services).thinning.thin() == ThinningResult(thinned=3, live=2)
    assert live(services) == [4, 5]
    for snapshot in snapshots:
        view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
        assert services.reading.contributions.count(view, Filters()) == snapshot.total_rows


def test_a_dry_run_of_thinning_changes_nothing(services: Services) -> None:
    for _ in range(5):
        commit_batch(services, make())
    assert maintenance(services).thinning.thin(dry_run=True) == ThinningResult(thinned=3, live=2)
    assert len(live(services)) == 5


@pytest.mark.slow
def test_a_snapshot_that_the_ledger_lacks_is_not_thinned(services: Services) -> None:
    commit_batch(services, make())
    append_batch(load_table(services.catalog), uuid4(), [make()])
    for _ in range(3):
        commit_batch(services, make())
    maintenance(services).thinning.thin()
    assert live(services) == [2, 4, 5]


@pytest.mark.slow
def test_the_snapshot_of_a_claim_that_is_not_settled_is_not_thinned(services: Services) -> None:
    services.ingest.journal.append(make_contribution())
    batch_id = services.ingest.claims.claim(max_rows=10, max_bytes=10**6)
    assert batch_id is not None
    batch = services.ingest.claims.batch(batch_id)
    assert batch is not None
    append_batch(load_table(services.catalog), batch_id, batch.rows)
    # As a new committer does when it takes over.
    services.jobs.committer().reconcile()
    for _ in range(3):
        commit_batch(services, make())
    maintenance(services).thinning.thin()
    assert live(services) == [1, 3, 4]
    services.jobs.committer().drain()
    maintenance(services).thinning.thin()
    assert live(services) == [3, 4]
    view = services.reading.snapshots.view(Reference())
    assert services.reading.contributions.count(view, Filters()) == 4


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
        assert list(kept.thinning.thin_stages(dry_run=True)) == expected
        assert live_of_stage(services) == builds
        assert list(kept.thinning.thin_stages()) == expected
        assert live_of_stage(services) == [builds[1], builds[2], *builds[4:]]
    list(kept.thinning.thin_stages())
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
    assert list(kept.thinning.thin_stages(dry_run=True)) == list(kept.thinning.thin_stages())
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
    list(maintenance(services, soon, keep_stage_snapshots=1).thinning.thin_stages())
    assert live_of_stage(services) == builds
