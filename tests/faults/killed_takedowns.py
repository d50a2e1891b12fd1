"""Kills the server or the committer at random moments while it erases, under load.

Run `python -m tests.faults.killed_takedowns --cycles 100 [--seed N]`.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any, Final
from uuid import UUID

import click

from app.services import Services
from app.state import ledger
from catalog.reading.plans import plan
from catalog.reading.scan import count_rows
from catalog.table import load_table
from tests.factories import make_submission
from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count
from tests.functional.server import Server, eventually
from tests.migrations.traces import files_with

# A takedown of a small lake takes about a second.
LONGEST_WAIT_S: Final = 1.5
CYCLES_PER_LAKE: Final = 20
CONVERSATIONS: Final = 6
ERASED_S: Final = 60.0
READY_AT_ONCE: Final[dict[str, Any]] = {"takedown_grace_s": 0, **BUSY_COMMITTER}


@dataclass
class Erased:
    """The counts of takedowns.

    Attributes:
        takedowns: Number of takedowns.
        cut_off: Number of those that weren't finished when the kill came.
        left: Number of files that held a text afterwards.
        miscounted: Number of snapshots with another number of rows than the ledger has.
    """

    takedowns: int = 0
    cut_off: int = 0
    left: int = 0
    miscounted: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in vars(self).items())

    @property
    def is_sound(self) -> bool:
        """Whether nothing was left, and every snapshot resolves."""
        return not (self.left or self.miscounted)


class KilledTakedowns:
    """A lake from which contributors are taken down while its processes are killed.

    Attributes:
        erased: The counts of takedowns.
    """

    def __init__(self, home: Path, seed: int) -> None:
        self.erased = Erased()
        self._campaign = Campaign(home, seed)
        self._random = Random(seed)  # noqa: S311  # it picks moments, not secrets
        self._server = Server(home, **READY_AT_ONCE)

    def run(self, cycles: int, say: Callable[[str], None] = lambda _: None) -> Count:
        """Take down and kill a number of times, and return the counts of the other submissions."""
        self._server.migrate()
        try:
            while self._campaign.count.cycles < cycles:
                word = f"unmistakable{self._campaign.count.cycles}x"
                self._cycle(word)
                # Without a connection to SQLite: reading its files drops this process's locks.
                self.erased.left += len(files_with(self._server.home, [word]))
                say(f"{self._campaign.count}; {self.erased}")
        finally:
            self._server.kill_all()
        return self._campaign.finish()

    def _cycle(self, word: str) -> None:
        if not self._server.is_running:
            self._server.spawn()
            self._server.wait_until_ready()
        key = str(UUID(int=self._random.getrandbits(128), version=4))
        with self._campaign.load(self._server) as load:
            for turn in range(CONVERSATIONS):
                # Some of them are committed when they are taken down, and some wait.
                made = make_submission(
                    f"{word} {turn}", submitter_id=key, ingest_id=f"{key}-{turn}"
                )
                self._server.submit(made, wait_s=30 if turn == 0 else None)
            name = self._server.ids().contributor_id(key)
            assert name is not None
            with self._services() as services:
                services.takedown.service.request(
                    "contributor", [name], reason=None, requested_by="test"
                )
                sleep(self._random.uniform(0, LONGEST_WAIT_S))
                self.erased.cut_off += bool(services.access.takedowns.unfinished())
            if self._random.random() < 0.5:
                os.kill(self._server.committer(), signal.SIGKILL)
                load.wait_for(1)
            else:
                self._server.kill_all()
        if not self._server.is_running:
            self._server.spawn()
            self._server.wait_until_ready()
        with self._services() as services:
            unfinished = services.access.takedowns.unfinished
            eventually("everything is erased", lambda: not unfinished(), timeout_s=ERASED_S)
            self.erased.miscounted += self._miscounted(services)
        self.erased.takedowns += 1
        self._campaign.count.cycles += 1
        self._campaign.inspect()

    @contextmanager
    def _services(self) -> Iterator[Services]:
        services = Services(self._server.lake)
        try:
            yield services
        finally:
            services.close()

    @staticmethod
    def _miscounted(services: Services) -> int:
        with services.database.read() as connection:
            snapshots = ledger.page(connection, 1_000_000)
        table = load_table(services.catalog)
        return sum(
            count_rows(table, plan(table, snapshot)) != snapshot.total_rows
            for snapshot in snapshots
        )


@click.command()
@click.option("--cycles", default=100, show_default=True, help="Number of takedowns.")
@click.option("--seed", type=int, default=lambda: int.from_bytes(os.urandom(4)))
def main(cycles: int, seed: int) -> None:
    """Take down and kill repeatedly; exit with 1 when something was left, lost or miscounted."""
    done, is_sound = 0, True
    while done < cycles:
        with TemporaryDirectory() as folder:
            rounds = KilledTakedowns(Path(folder) / "home", seed + done)
            count = rounds.run(min(CYCLES_PER_LAKE, cycles - done), click.echo)
        done += count.cycles
        is_sound = is_sound and count.is_sound and rounds.erased.is_sound
        click.echo(f"seed {seed + done - count.cycles}: {count}; {rounds.erased}")
    raise SystemExit(not is_sound)


if __name__ == "__main__":
    main()
