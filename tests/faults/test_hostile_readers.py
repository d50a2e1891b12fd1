"""The short version of `python -m tests.faults.hostile_readers`."""

from collections.abc import Iterator
from statistics import median

import pytest

from tests.faults.hostile_readers import ATTACKS, HonestClients, attack, filled_server
from tests.functional.server import Server

ROWS = 20_000
DURATION_S = 3.0
CALM_S = 0.5
BEARABLE_S = 1.0
BEARABLE_TIMES = 20
"""What an answer may take at the median: seconds, or times what it took before the attack.

On a quiet machine an answer takes some milliseconds, and attacks delayed it by seconds.
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with rows enough to keep it busy."""
    with filled_server(tmp_path_factory.mktemp("hostile") / "home", ROWS) as server:
        yield server


@pytest.mark.parametrize("name", ATTACKS)
def test_hostile_readers_delay_no_other_clients(server: Server, name: str) -> None:
    calm = HonestClients()
    calm.watch(server.port, CALM_S)
    honest = attack(server, server.port, name, DURATION_S)

    assert not honest.failed, honest
    assert not honest.killed_workers
    for before, during in ((calm.health_s, honest.health_s), (calm.ingest_s, honest.ingest_s)):
        assert median(during) < max(BEARABLE_S, BEARABLE_TIMES * median(before)), (calm, honest)
