from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from app.ingest.uploads.register import Uploads
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from catalog.snapshots import tag_snapshot
from catalog.table import load_table
from catalog.writing.staging import StagedFile
from tests.app.background.maintenance.upkeep import (
    STAGE,
    build_stage,
    data_files,
    live_of_stage,
    maintenance,
    make_old,
    reasons_in,
)
from tests.factories import commit_batch
from tests.factories import make_received as make


@pytest.mark.slow
def test_orphans_are_listed_in_a_dry_run_and_removed_otherwise(services: Services) -> None:
    snapshots = [commit_batch(services, make()) for _ in range(3)]
    service = maintenance(services)
    list(service.compaction.compact(Event()))
    commit_batch(services, make())
    commit_batch(services, make())
    service.thinning.thin()
    make_old(load_table(services.catalog))
    files = data_files(services)
    found = service.orphans.remove(dry_run=True)
    assert data_files(services) == files
    assert sum(path.endswith(".parquet") for path in found.paths) == 3
    assert found.size_bytes > 0
    assert service.orphans.remove() == found
    assert data_files(services) == files - 3
    assert service.orphans.remove().paths == ()
    for snapshot in snapshots:
        view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
        assert services.reading.contributions.count(view, Filters()) == snapshot.total_rows


def test_files_that_wait_for_their_commit_are_no_orphans(services: Services) -> None:
    commit_batch(services, make())
    table = load_table(services.catalog)
    upload = Path(table.location().removeprefix("file://")) / "data" / "upload.parquet"
    upload.touch()
    make_old(table)
    later = datetime.now(UTC) + timedelta(days=3)
    service = maintenance(services, later)
    assert service.orphans.remove(dry_run=True).paths == (str(upload),)
    uploads = Uploads(services.database, timedelta(days=1))
    file = StagedFile(f"file://{upload}", rows=1)
    uploads.acknowledge(uploads.open(), [file], repeated_entry_id=0, digest=b"", answer=b"")
    assert service.orphans.remove().paths == ()
    assert upload.exists()


def test_files_of_thinned_builds_are_orphans_and_those_of_live_ones_are_not(
    services: Services,
) -> None:
    builds = [build_stage(services, number) for number in range(3)]
    tag_snapshot(load_table(services.catalog, STAGE), "release", builds[0])
    later = maintenance(services, datetime.now(UTC) + timedelta(days=9), keep_stage_snapshots=1)
    list(later.thinning.thin_stages())
    make_old(load_table(services.catalog, STAGE))
    removed = [path for path in later.orphans.remove().paths if path.endswith(".parquet")]
    assert len(removed) == 1
    assert [reasons_in(services, each) for each in live_of_stage(services)] == [["0"], ["2"]]
