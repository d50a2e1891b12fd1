"""The short version of `python -m tests.faults.slow_bodies`."""

from pathlib import Path

from tests.faults.slow_bodies import send_slowly

# More than the server has threads.
CONNECTIONS = 50
DURATION_S = 2.0


def test_slow_bodies_behind_nginx_are_accepted_and_block_no_clients(tmp_path: Path) -> None:
    campaign, service = send_slowly(tmp_path, CONNECTIONS, DURATION_S)

    assert campaign.count.is_sound, campaign.count
    assert campaign.count.acknowledged > CONNECTIONS
    assert service.health_s
    assert (service.unhealthy, service.refused, service.abandoned) == (0, 0, 0)
