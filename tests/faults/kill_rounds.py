"""Kills the whole server at random moments under load, again and again, and counts what is left.

Run `python -m tests.faults.kill_rounds --rounds 50 [--seed N]`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

import click

from tests.functional.load import Landed, Load, expected, landed
from tests.functional.server import Server, eventually, open_table

# The server lives under load until it has committed so often, and then for so long, at random. A
# commit takes a fraction of that time, so that kills fall before, into and after one.
MOST_COMMITS = 2
LONGEST_WAIT_S = 0.6
# In this share of the rounds it is killed while it starts, and takes up what it finds.
KILLED_AT_START = 0.2
LONGEST_START_S = 2.5


@dataclass
class Count:
    """What became of the conversations.

    Attributes:
        cycles: How often the server was killed and started again.
        acknowledged: How many submissions it has answered with 200.
        unanswered: How many may or may not have been stored when it was killed.
        lost: How many acknowledged ones are not in the table.
        duplicated: How many rows are in the table beside another of the same conversation.
        foreign: How many rows are in the table that nobody sent, or sent with another text.
        landed: How many conversations are in the table; the others wait in the journal.
        commits: How many snapshots the table has.
    """

    cycles: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    lost: int = 0
    duplicated: int = 0
    foreign: int = 0
    landed: int = 0
    commits: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in vars(self).items())

    @property
    def is_sound(self) -> bool:
        """Whether every acknowledged conversation, and nothing else, is in the table once."""
        return not (self.lost or self.duplicated or self.foreign)


@dataclass
class KillRounds:
    """A lake whose server is killed in rounds.

    Attributes:
        home: The lake's folder.
        seed: Decides over the moments, as far as the machine repeats itself.
        acknowledged: The submissions of all rounds that were answered with 200.
        unanswered: Those of the last round that weren't answered. Their clients send them again.
    """

    home: Path
    seed: int
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    unanswered: list[dict[str, Any]] = field(default_factory=list)
    _count: Count = field(default_factory=Count)

    def run(self, rounds: int, report: Callable[[str], None] = lambda _: None) -> Count:
        """Kill the server so many times, let it finish once, and return the count."""
        random = Random(self.seed)  # noqa: S311  # it picks moments, not secrets
        # By its age, a batch is due nearly always; by its size, it may be so within one.
        server = Server(self.home, commit_interval_s=0.1, commit_max_rows=300)
        try:
            server.migrate()
            for number in range(1, rounds + 1):
                self._round(server, number, random)
                # Read by pyiceberg, right after the kill: a torn table would raise here.
                self._compare()
                report(f"round {number}: {self._count}")
            self._finish(server)
        finally:
            server.kill_all()
        return self._count

    def _round(self, server: Server, number: int, random: Random) -> None:
        server.spawn()
        if random.random() < KILLED_AT_START:
            sleep(random.uniform(0, LONGEST_START_S))
            server.kill_all()
        else:
            server.wait_until_ready()
            self._send_again(server)
            with Load(server.url, f"round-{number}", self.seed) as load:
                load.wait_for(1)
                _wait_for_commits(server, random.randint(0, MOST_COMMITS))
                sleep(random.uniform(0, LONGEST_WAIT_S))
                server.kill_all()
            self.acknowledged += load.acknowledged
            self.unanswered += load.unanswered
            self._count.acknowledged = len(self.acknowledged)
            self._count.unanswered += len(load.unanswered)
        self._count.cycles += 1

    def _send_again(self, server: Server) -> None:
        """Do what clients do that got no answer."""
        for submission in self.unanswered:
            answer = server.submit(submission)
            assert answer.status_code == 200, answer.text
        self.acknowledged += self.unanswered
        self.unanswered = []
        self._count.acknowledged = len(self.acknowledged)

    def _compare(self) -> Landed:
        in_table = landed(self.home)
        sent = expected(self.acknowledged + self.unanswered)
        self._count.duplicated = sum(in_table.values()) - len(in_table)
        self._count.foreign = len(in_table.keys() - sent.keys())
        self._count.landed = len(in_table)
        self._count.commits = len(open_table(self.home).metadata.snapshots)
        return in_table

    def _finish(self, server: Server) -> None:
        """Start it once more, let the committer take what is pending, and look for everything."""
        server.spawn()
        server.wait_until_ready()
        self._send_again(server)
        last = server.submit({"agent_id": "a", "conversation": [{"content": "last"}]}, wait_s=30)
        assert last.status_code == 200, last.text
        assert server.stop() == 0, server.log
        assert server.pending() == 0
        in_table = self._compare()
        self._count.lost = len(expected(self.acknowledged).keys() - in_table.keys())


def _wait_for_commits(server: Server, commits: int) -> None:
    eventually(
        f"the committer leads and has committed {commits} times",
        lambda: server.leads and server.log.count("committed batch") >= commits,
    )


@click.command()
@click.option("--rounds", default=50, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
def main(rounds: int, seed: int) -> None:
    """Kill the server in rounds; exits with 1 when anything was lost, duplicated or made up."""
    with TemporaryDirectory(prefix="chatlake-") as folder:
        count = KillRounds(Path(folder) / "home", seed).run(rounds, click.echo)
    click.echo(f"seed {seed}: {count}")
    if not count.is_sound:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
