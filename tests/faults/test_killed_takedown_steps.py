"""The short version of `python -m tests.faults.killed_takedown_steps`."""

from pathlib import Path

from tests.faults.killed_takedown_steps import KilledSteps, migrated, places_of
from tests.servers.cluster import Cluster

ROWS = 160
MOMENTS = [("tables", 4), ("releases", 3), ("maps", 2)]
"""In the middle of the steps that write most."""


def test_a_takedown_whose_process_is_killed_in_a_step_is_finished_by_the_next(
    tmp_path: Path, cluster: Cluster
) -> None:
    places = places_of(cluster)
    with migrated(tmp_path / "home", **places) as services:
        steps = KilledSteps(services, **places)
        steps.fill(ROWS, ["raw"])
        outcome = steps.kill(MOMENTS)

    assert outcome.is_sound, outcome
    assert outcome.killed == outcome.takedowns == len(MOMENTS)
