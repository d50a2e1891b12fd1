"""The short versions of the faults between nodes and what they share."""

from pathlib import Path

import pytest

from tests.backends import Backend
from tests.faults.clock_jumps import jump
from tests.faults.cut_commits import cut_commits
from tests.faults.nodes import Fault
from tests.faults.postgres_stops import stop_postgres
from tests.faults.s3_outages import stop_s3
from tests.faults.takeovers import take_over
from tests.faults.two_leaders import lead_twice
from tests.servers.cluster import Cluster

SEED = 5
"""Lets two commits pass before the first fault of a campaign that counts them."""


@pytest.mark.parametrize(
    ("fault", "cycles"),
    [(stop_postgres, 1), (cut_commits, 3), (stop_s3, 1), (take_over, 2), (jump, 1)],
)
def test_every_acknowledged_submission_is_in_the_table_once(
    cluster: Cluster, tmp_path: Path, fault: Fault, cycles: int
) -> None:
    count = fault(cluster, tmp_path, cycles, SEED, print)

    assert count.is_sound, count
    assert count.cycles == cycles
    assert count.acknowledged > cycles
    # Several commits, so that there was something to disturb; how many depends on the machine.
    assert count.commits > 1


@pytest.mark.both
def test_two_committers_that_both_believe_they_lead_land_nothing_twice(
    backend: Backend, tmp_path: Path
) -> None:
    count = lead_twice(tmp_path, backend.places(), 2, SEED, print)

    assert count.is_sound, count
    assert count.cycles >= 2
    assert count.commits > 1
