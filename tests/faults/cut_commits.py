"""Cuts connections to PostgreSQL right after COMMIT was sent, or right before, under load.

Whoever committed can't know whether it did. Run `python -m tests.faults.cut_commits [--cycles N]`.
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
# Tables by which the connections of the journal's writers, of the committer's claims and of the
# catalog are told apart. A statement's text is sent the first times that a connection uses it.
TABLES: Final = (b"idempotency_keys", b"claims", b"iceberg_tables")


class Moment(Enum):
    """What the server has of the COMMIT when the connection is cut."""

    SENT = "sent"
    WITHHELD = "withheld"


class CommitCutter:
    """Watches what clients send, and cuts a connection at its next COMMIT when it is armed."""

    def __init__(self) -> None:
        self.has_cut = Event()
        self._lock = Lock()
        self._target: tuple[bytes, Moment] | None = None
        self._tables: WeakKeyDictionary[socket, set[bytes]] = WeakKeyDictionary()

    def arm(self, table: bytes, moment: Moment) -> None:
        """Cut a connection that uses a table, once."""
        self.has_cut.clear()
        self._target = (table, moment)

    def __call__(self, data: bytes, server: socket) -> bool:
        """Pass on what a client sent, and tell whether to cut the connection."""
        tables = self._tables.setdefault(server, set())
        tables.update(table for table in TABLES if table in data)
        moment = self._take(tables) if COMMIT in data else None
        if moment is not Moment.WITHHELD:
            pass_on(data, server)
        if moment is not None:
            self.has_cut.set()
        return moment is not None

    def _take(self, tables: set[bytes]) -> Moment | None:
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
                    moment = Moment.WITHHELD if random.random() < 0.2 else Moment.SENT
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
