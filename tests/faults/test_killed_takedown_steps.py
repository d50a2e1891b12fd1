"""The short version of `python -m tests.faults.killed_takedown_steps`."""

import tempfile
from pathlib import Path

import pytest

from tests.faults.killed_takedown_steps import KilledSteps, migrated, places_of
from tests.servers.cluster import Cluster

ROWS = 40
MOMENTS = [("tables", 4), ("releases", 3), ("maps", 2)]
"""In the middle of the steps that write most."""


def test_a_takedown_whose_process_is_killed_in_a_step_is_finished_by_the_next(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The search opens what queries have spilled there, and those of other tests may be long.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    places = places_of(cluster)
    with migrated(tmp_path / "home", **places) as services:
        steps = KilledSteps(services, **places)
        steps.fill(ROWS, ["raw"])
        outcome = steps.kill(MOMENTS)

    assert outcome.is_sound, outcome
    assert outcome.killed == outcome.takedowns == len(MOMENTS)
