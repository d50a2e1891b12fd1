"""Cuts connections to PostgreSQL right after COMMIT was sent, or right before, under load.

The client can't know whether it has committed. Run
`python -m tests.faults.cut_commits [--cycles N]`.
"""

from collections import Counter
from enum import Enum
from pathlib import Path
from random import Random
from socket import socket
from threading import Event, Lock
from typing import Final
from weakref import WeakKeyDictionary

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count
from tests.faults.nodes import Say, be_silent, command
from tests.functional.server import Server, eventually
from tests.servers.cluster import Cluster
from tests.servers.proxy import Proxy, pass_on

# A simple query of PostgreSQL's protocol, as the driver sends it: type, length, text.
COMMIT: Final = b"Q\x00\x00\x00\x0bCOMMIT\x00"
# Tables that distinguish connections of the journal's writers, of the committer and of the catalog.
# A connection sends a statement's text the first times that it uses the statement.
TABLES: Final = (b"idempotency_keys", b"claims", b"iceberg_tables")


class CutPoint(Enum):
    """Whether the server has got the COMMIT when the connection is cut."""

    SENT = "sent"
    WITHHELD = "withheld"


class CommitCutter:
    """Watches what clients send. Once armed, it cuts a connection at its next COMMIT."""

    def __init__(self) -> None:
        self.has_cut = Event()
        self._lock = Lock()
        self._target: tuple[bytes, CutPoint] | None = None
        self._tables: WeakKeyDictionary[socket, set[bytes]] = WeakKeyDictionary()

    def arm(self, table: bytes, moment: CutPoint) -> None:
        """Cut one connection that uses a table, at its next COMMIT."""
        self.has_cut.clear()
        self._target = (table, moment)

    def __call__(self, data: bytes, server: socket) -> bool:
        """Pass on what a client sent, and tell whether to cut the connection."""
        tables = self._tables.setdefault(server, set())
        tables.update(table for table in TABLES if table in data)
        moment = self._take(tables) if COMMIT in data else None
        if moment is not CutPoint.WITHHELD:
            pass_on(data, server)
        if moment is not None:
            self.has_cut.set()
        return moment is not None

    def _take(self, tables: set[bytes]) -> CutPoint | None:
        with self._lock:
            if self._target is None or self._target[0] not in tables:
                return None
            (_, moment), self._target = self._target, None
            return moment


def cut_commits(
    cluster: Cluster, folder: Path, cycles: int, seed: int, say: Say = be_silent
) -> Count:
    """Cut connections at COMMIT; exits with 1 when anything was lost, duplicated or made up."""
    random = Random(seed)  # noqa: S311  # it picks connections, not secrets
    cutter, cuts = CommitCutter(), Counter[str]()
    database, warehouse = cluster.postgres.create_database(), cluster.s3.create_prefix()
    campaign = Campaign(folder / "home", seed, cluster.places_in(database, warehouse))
    with Proxy(cluster.postgres.port, cutter) as proxy:
        places = cluster.places_in(database, warehouse, postgres_port=proxy.port)
        with Server(folder / "home", **BUSY_COMMITTER, **places) as server:
            with campaign.load(server) as load:
                while campaign.count.cycles < cycles:
                    moment = CutPoint.WITHHELD if random.random() < 0.2 else CutPoint.SENT
                    table = TABLES[campaign.count.cycles % len(TABLES)]
                    cutter.arm(table, moment)
                    eventually("a connection is cut", cutter.has_cut.is_set)
                    load.wait_for(1)
                    campaign.count.cycles += 1
                    cuts[f"{table.decode()} {moment.value}"] += 1
            say(f"cuts: {dict(cuts)}")
            server.stop()
    return campaign.finish()


if __name__ == "__main__":
    command(cut_commits, cycles=100)()
