"""The short version of `python -m tests.faults.slow_bodies`."""

from pathlib import Path

import pytest

from tests.faults.slow_bodies import crowd_in

# Of each kind, more than the server has threads.
CONNECTIONS = 50
DURATION_S = 2.0


@pytest.mark.parametrize("direct", [True, False], ids=["directly", "behind nginx"])
def test_slow_bodies_and_idle_connections_block_no_clients(tmp_path: Path, direct: bool) -> None:
    campaign, service = crowd_in(
        tmp_path, DURATION_S, senders=CONNECTIONS, idle=CONNECTIONS, direct=direct
    )

    assert campaign.count.is_sound, campaign.count
    assert campaign.count.acknowledged > CONNECTIONS
    assert service.health_s
    assert (service.unhealthy, service.refused, service.abandoned) == (0, 0, 0)
