"""The short version of `python -m tests.faults.hostile_readers`."""

from collections.abc import Iterator

import pytest

from tests.faults.hostile_readers import ATTACKS, attack, filled_server
from tests.functional.server import Server

ROWS = 20_000
DURATION_S = 3.0
BEARABLE_S = 1.0
"""Much more than anything takes on a busy machine, and less than any of the attacks once cost."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with rows enough to keep it busy."""
    with filled_server(tmp_path_factory.mktemp("hostile") / "home", ROWS) as server:
        yield server


@pytest.mark.parametrize("name", ATTACKS)
def test_those_who_read_hold_up_nobody(server: Server, name: str) -> None:
    felt = attack(server, server.port, name, DURATION_S)

    assert not felt.failed, felt
    assert not felt.killed_workers
    for seconds in (felt.health_s, felt.ingest_s):
        assert sorted(seconds)[len(seconds) // 2] < BEARABLE_S, felt
