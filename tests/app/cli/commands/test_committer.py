import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.services import Services
from catalog.table import load_table
from tests.app.ingest.polling import wait_until
from tests.factories import commit_batch, make_contribution, make_received

ROOT = Path(__file__).parents[4]
_STOP_TIMEOUT_S = 30


@contextmanager
def committer(home: Path, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command on a lake, and end it with SIGTERM as the server does."""
    environment = {
        **os.environ,
        "CHATLAKE_HOME": str(home),
        **{f"CHATLAKE_{name.upper()}": str(value) for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "committer"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(_STOP_TIMEOUT_S)


def operations(services: Services) -> list[str]:
    """Return the operations of the live snapshots, oldest first."""
    snapshots = load_table(services.catalog).metadata.snapshots
    newest = sorted(snapshots, key=lambda snapshot: snapshot.sequence_number or 0)
    return [snapshot.summary.operation.value for snapshot in newest if snapshot.summary]


@pytest.mark.slow
def test_the_committer_maintains_the_lake_and_drains_at_its_end(
    services: Services,
) -> None:
    for _ in range(4):
        commit_batch(services, make_received())
    with committer(
        services.settings.home,
        maintenance_interval_s=0.1,
        keep_snapshots=1,
        keep_hourly_snapshots=0,
        keep_daily_snapshots=0,
    ) as process:
        # The last append before the compaction stays: readers may need the files that it has.
        wait_until(lambda: operations(services) == ["append", "replace"], "maintenance")
        services.ingest.journal.append(make_contribution())
    assert process.returncode == 0
    assert operations(services) == ["append", "replace", "append"]
    assert services.ingest.claims.open_claim() is None
