"""Runs two committers at once that both believe they lead, under load.

Run `python -m tests.faults.two_leaders [--cycles N] [--seed N]`. A cycle is a batch that
both tried to commit.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count
from tests.faults.nodes import Say, be_silent, command
from tests.functional.server import ROOT, START_TIMEOUT_S, Server, clean_environment, eventually
from tests.servers.cluster import Cluster

COMMITTED: Final = "committed batch"
# When both commit the same batch, the commit of one of them fails.
LOST_RACE: Final = "commit failed"
RACE_TIMEOUT_S: Final = 10.0


def have_two_leaders(
    cluster: Cluster, folder: Path, cycles: int, seed: int, say: Say = be_silent
) -> Count:
    """Run two leaders at once; exits with 1 when anything was lost, duplicated or made up."""
    return lead_twice(folder, cluster.places(), cycles, seed, say)


def lead_twice(
    folder: Path, places: Mapping[str, Any], cycles: int, seed: int, say: Say = be_silent
) -> Count:
    """Run two leaders on a new lake until enough commits have lost a race.

    Args:
        folder: Folder for the lake and the log of the second committer.
        places: Settings of the state that doesn't lie in the home folder.
        cycles: Number of lost races.
        seed: Seed of the random texts.
        say: Gets a line about the result.
    """
    home, log = folder / "home", folder / "second.log"
    campaign = Campaign(home, seed, dict(places))
    with Server(home, **BUSY_COMMITTER, **places) as server:

        def count(what: str) -> tuple[int, int]:
            return server.log.count(what), log.read_text().count(what)

        with campaign.load(server) as load, _second(home, places, log):
            load.wait_for(1)
            # One of the two may lose every race, so the losses of both are counted.
            eventually(
                f"{cycles} races are lost",
                lambda: sum(count(LOST_RACE)) >= cycles,
                timeout_s=START_TIMEOUT_S + RACE_TIMEOUT_S * cycles,
            )
        assert server.stop() == 0, server.log
        campaign.count.cycles = sum(count(LOST_RACE))
        say(f"commits {count(COMMITTED)}, lost races {count(LOST_RACE)}")
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
        # Its claim may be open; another committer finishes it.
        second.kill()
        second.wait()


if __name__ == "__main__":
    command(have_two_leaders, cycles=100)()
