"""Stops PostgreSQL as a crash does, under load, and starts it again.

Run `python -m tests.faults.postgres_stops [--cycles N] [--seed N]`.
"""

from pathlib import Path
from random import Random
from time import sleep
from typing import Final

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count, reach_a_random_moment
from tests.faults.nodes import Say, be_silent, command
from tests.functional.server import Server
from tests.servers.cluster import Cluster

LONGEST_OUTAGE_S: Final = 2.0


def stop_postgres(
    cluster: Cluster, folder: Path, cycles: int, seed: int, say: Say = be_silent
) -> Count:
    """Stop PostgreSQL under load; exits with 1 when anything was lost, duplicated or made up."""
    random = Random(seed)  # noqa: S311  # it picks moments, not secrets
    places = cluster.places()
    campaign = Campaign(folder / "home", seed, places)
    with Server(folder / "home", **BUSY_COMMITTER, **places) as server:
        while campaign.count.cycles < cycles:
            with campaign.load(server) as load:
                reach_a_random_moment(server, load, random)
                cluster.postgres.stop()
                sleep(random.uniform(0, LONGEST_OUTAGE_S))
                cluster.postgres.start()
                load.wait_for(1)
            campaign.count.cycles += 1
            campaign.inspect()
            say(str(campaign.count))
    return campaign.finish()


if __name__ == "__main__":
    command(stop_postgres, cycles=50)()
