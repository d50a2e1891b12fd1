"""Makes the committers of two nodes take over from each other, under load.

The leader is killed, or its connections to PostgreSQL are cut, at random. Run
`python -m tests.faults.takeovers [--cycles N] [--seed N]`.
"""

import os
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count
from tests.faults.nodes import Say, be_silent, command
from tests.functional.server import Server, eventually
from tests.servers.cluster import Cluster
from tests.servers.proxy import Proxy

LEADS: Final = "this process commits to the lake"
WAITS: Final = "waiting to take over"


@dataclass(frozen=True, slots=True)
class Node:
    """A server, and the proxy by which it reaches PostgreSQL."""

    server: Server
    proxy: Proxy

    def said(self, what: str) -> int:
        """Return how often the server has logged a message."""
        return self.server.log.count(what)

    def wait_for(self, what: str, times: int) -> None:
        """Wait until the server has logged a message a number of times."""
        eventually(f"{what}, {times} times", lambda: self.said(what) >= times)


def take_over(
    cluster: Cluster, folder: Path, cycles: int, seed: int, say: Say = be_silent
) -> Count:
    """Depose the leader repeatedly; exits with 1 when anything was lost or duplicated."""
    random = Random(seed)  # noqa: S311  # it picks faults, not secrets
    database, warehouse = cluster.postgres.create_database(), cluster.s3.create_prefix()
    campaign = Campaign(folder / "home", seed, cluster.places_in(database, warehouse))
    with ExitStack() as running:
        nodes = []
        for name in ("one", "two"):
            proxy = running.enter_context(Proxy(cluster.postgres.port))
            places = cluster.places_in(database, warehouse, postgres_port=proxy.port)
            server = Server(folder / name, workers=1, **BUSY_COMMITTER, **places)
            nodes.append(Node(running.enter_context(server), proxy))
            nodes[-1].wait_for(WAITS if nodes[1:] else LEADS, 1)
        while campaign.count.cycles < cycles:
            leader, successor = nodes
            with campaign.load(successor.server) as load:
                load.wait_for(1)
                _depose(leader, successor, by_killing=random.random() < 0.5)
            nodes.reverse()
            campaign.count.cycles += 1
            campaign.inspect()
            say(str(campaign.count))
    return campaign.finish()


def _depose(leader: Node, successor: Node, *, by_killing: bool) -> None:
    """Depose the leader, and wait until its successor has committed and it is a candidate again."""
    terms, waits, commits = (
        successor.said(LEADS) + 1,
        leader.said(WAITS) + 1,
        successor.server.commits + 1,
    )
    if by_killing:
        os.kill(leader.server.committer(), signal.SIGKILL)
    else:
        leader.proxy.cut()
    successor.wait_for(LEADS, terms)
    eventually("the successor commits", lambda: successor.server.commits >= commits)
    leader.wait_for(WAITS, waits)


if __name__ == "__main__":
    command(take_over, cycles=50)()
