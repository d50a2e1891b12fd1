"""A build that is killed changes no table, and the next build succeeds."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from app.curation.pipeline.stages import Stages
from app.services import Services
from app.settings import PREFIX
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.factories import commit_batch, make_received

_BEGIN_TIMEOUT_S = 120
_POLL_S = 0.05


def _locations(services: Services) -> list[str]:
    """Return the location of the metadata of each table of the stages."""
    names = [name for stage in COMPUTED_STAGES.values() for name in (stage.rows, stage.dropped)]
    return [load_table(services.catalog, name).metadata_location for name in names]


@pytest.mark.slow
def test_a_killed_build_changes_nothing_and_blocks_no_later_build(
    services: Services, stages: Stages, tmp_path: Path
) -> None:
    stages.build("curated", commit_batch(services, make_received(0, "q", "a")))
    newer = commit_batch(services, make_received(1, "r", "a"))
    before, begun = _locations(services), tmp_path / "begun"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.app.curation.build", str(begun)],
        env={**os.environ, f"{PREFIX}HOME": str(services.settings.home)},
        # A session of its own, so that the processes that it starts can be killed with it.
        start_new_session=True,
    )
    try:
        deadline = monotonic() + _BEGIN_TIMEOUT_S
        while not begun.exists():
            assert process.poll() is None
            assert monotonic() < deadline
            sleep(_POLL_S)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert _locations(services) == before
    built = stages.build("curated", newer)
    assert (built.rows, built.computed_rows) == (2, 1)
