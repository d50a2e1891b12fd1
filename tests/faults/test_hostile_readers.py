"""The short version of `python -m tests.faults.hostile_readers`."""

from collections.abc import Iterator

import pytest

from tests.faults.hostile_readers import ATTACKS, attack, filled_server
from tests.functional.server import Server

ROWS = 20_000
DURATION_S = 3.0
BEARABLE_S = 1.0
"""Far above the time of an answer on a busy machine, far below the delays that attacks caused."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with rows enough to keep it busy."""
    with filled_server(tmp_path_factory.mktemp("hostile") / "home", ROWS) as server:
        yield server


@pytest.mark.parametrize("name", ATTACKS)
def test_hostile_readers_delay_no_other_clients(server: Server, name: str) -> None:
    honest = attack(server, server.port, name, DURATION_S)

    assert not honest.failed, honest
    assert not honest.killed_workers
    for seconds in (honest.health_s, honest.ingest_s):
        assert sorted(seconds)[len(seconds) // 2] < BEARABLE_S, honest
