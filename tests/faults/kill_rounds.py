"""Kills the server, a worker or the committer repeatedly, at random moments under load.

Run `python -m tests.faults.kill_rounds --cycles 500 [--seed N]`.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import sleep
from typing import Final

import click

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count, reach_a_random_moment, report
from tests.functional.server import Server

# Share of the server's starts during which it is killed.
KILLED_AT_START: Final = 0.2
LONGEST_START_S: Final = 2.5
# The whole table is read after each kill, so a lake must stay small.
CYCLES_PER_LAKE: Final = 25


def _kill_worker(server: Server) -> None:
    os.kill(min(server.complete().workers), signal.SIGKILL)


def _kill_committer(server: Server) -> None:
    os.kill(server.committer(), signal.SIGKILL)


VICTIMS: Final[dict[str, Callable[[Server], None]]] = {
    "server": Server.kill_all,
    "worker": _kill_worker,
    "committer": _kill_committer,
}


class KillRounds:
    """A lake whose processes are killed in rounds."""

    def __init__(self, home: Path, seed: int) -> None:
        self._campaign = Campaign(home, seed)
        self._random = Random(seed)  # noqa: S311  # it picks moments, not secrets
        self._server = Server(home, **BUSY_COMMITTER)

    def run(self, cycles: int, say: Callable[[str], None] = lambda _: None) -> Count:
        """Kill a number of times, commit what is pending, and return the counts."""
        count = self._campaign.count
        self._server.migrate()
        try:
            while count.cycles < cycles:
                victim = self._kill_one()
                count.cycles += 1
                self._campaign.inspect()
                say(f"{victim} killed: {count}")
        finally:
            self._server.kill_all()
        return self._campaign.finish()

    def _kill_one(self) -> str:
        if not self._server.is_running and self._random.random() < KILLED_AT_START:
            self._server.spawn()
            sleep(self._random.uniform(0, LONGEST_START_S))
            self._server.kill_all()
            return "starting server"
        if not self._server.is_running:
            self._server.spawn()
            self._server.wait_until_ready()
        victim = self._random.choice(list(VICTIMS))
        with self._campaign.load(self._server) as load:
            reach_a_random_moment(self._server, load, self._random)
            VICTIMS[victim](self._server)
            if self._server.is_running:
                # The other processes go on meanwhile.
                load.wait_for(1)
        return victim


def run_on_several_lakes(cycles: int, seed: int, say: Callable[[str], None]) -> Count:
    """Kill a number of times, with a new lake after some kills, and return the summed counts."""
    total = Count()
    for first in range(0, cycles, CYCLES_PER_LAKE):
        with TemporaryDirectory(prefix="chatlake-") as folder:
            rounds = KillRounds(Path(folder) / "home", seed + first)
            total += rounds.run(min(CYCLES_PER_LAKE, cycles - first), say)
    return total


@click.command()
@click.option("--cycles", default=500, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
def main(cycles: int, seed: int) -> None:
    """Kill at random; exits with 1 when anything was lost, duplicated or made up."""
    report(seed, run_on_several_lakes(cycles, seed, click.echo))


if __name__ == "__main__":
    main()
