"""Has two committers commit at once, under load: both believe that they lead.

Run `python -m tests.faults.two_leaders [--cycles N] [--seed N]`. A cycle is a commit of the second.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count
from tests.faults.nodes import Say, be_silent, command
from tests.functional.server import ROOT, Server, clean_environment, eventually
from tests.servers.cluster import Cluster

COMMITTED: Final = "committed batch"
# A batch that both took up is in the table once, and one of them finds it so, or finds it settled.
LOST_RACE: Final = "commit failed"


def have_two_leaders(
    cluster: Cluster, folder: Path, cycles: int, seed: int, say: Say = be_silent
) -> Count:
    """Let two lead at once; exits with 1 when anything was lost, duplicated or made up."""
    return lead_twice(folder, cluster.places(), cycles, seed, say)


def lead_twice(
    folder: Path, places: Mapping[str, Any], cycles: int, seed: int, say: Say = be_silent
) -> Count:
    """Let two lead at once on a new lake in these places, until the second has committed enough."""
    home, log = folder / "home", folder / "second.log"
    campaign = Campaign(home, seed, dict(places))
    with Server(home, **BUSY_COMMITTER, **places) as server:
        with campaign.load(server) as load, _second(home, places, log):
            load.wait_for(1)
            eventually(
                f"both have committed {cycles} times",
                lambda: min(log.read_text().count(COMMITTED), server.commits) >= cycles,
                timeout_s=60 + 5 * cycles,
            )
        assert server.stop() == 0, server.log
        races = log.read_text().count(LOST_RACE) + server.log.count(LOST_RACE)
        say(f"commits of the one {server.commits}, of the other {log.read_text().count(COMMITTED)}")
        say(f"lost races {races}")
    campaign.count.cycles = cycles
    return campaign.finish()


@contextmanager
def _second(home: Path, places: Mapping[str, Any], log: Path) -> Iterator[None]:
    settings = {"home": home, **BUSY_COMMITTER, **places}
    with log.open("wb") as output:
        second = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.deceived_committer"],
            cwd=ROOT,
            env=clean_environment(settings),
            stdout=output,
            stderr=output,
        )
    try:
        yield
        assert second.poll() is None, log.read_text()
    finally:
        # It may hold a claim, which the other takes up.
        second.kill()
        second.wait()


if __name__ == "__main__":
    command(have_two_leaders, cycles=300)()
