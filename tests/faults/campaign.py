"""A lake that faults are made to: what was sent to it, and what of that is in its table.

Each fault is a cycle: the server works under load, something happens to it, and it goes on. At the
end every conversation that was acknowledged must be in the table once.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random
from time import sleep
from typing import Any, Final, Self

import click

from tests.faults.lake import commit_pending
from tests.functional.load import Landed, Load, expected, landed
from tests.functional.server import Server, eventually, open_table

# Faults are made after so many commits, and then so long, at random. A commit takes a fraction of
# that time, so that they come before, into and after one.
MOST_COMMITS: Final = 2
LONGEST_WAIT_S: Final = 0.6
# By its age, a batch is due nearly always; by its size, it may be so within one cycle.
BUSY_COMMITTER: Final[dict[str, Any]] = {"commit_interval_s": 0.1, "commit_max_rows": 300}


@dataclass
class Count:
    """What became of the conversations.

    Attributes:
        cycles: How many faults there were.
        acknowledged: How many submissions were answered with 200.
        refused: How many answers were 503 or 429 with Retry-After.
        unanswered: How many submissions may or may not have been stored when their client ended.
        lost: How many acknowledged ones are not in the table.
        duplicated: How many rows are in the table beside another of the same conversation.
        foreign: How many rows are in the table that nobody sent, or sent with another text.
        unreadable: How often the table could not be read whole.
        commits: How many snapshots the table has.
    """

    cycles: int = 0
    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    lost: int = 0
    duplicated: int = 0
    foreign: int = 0
    unreadable: int = 0
    commits: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in vars(self).items())

    def __add__(self, other: Self) -> Self:
        names = (each.name for each in fields(self))
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def is_sound(self) -> bool:
        """Whether every acknowledged conversation, and nothing else, is in the table once."""
        return not (self.lost or self.duplicated or self.foreign or self.unreadable)


@dataclass
class Campaign:
    """A lake, and the books on what was sent to it.

    Attributes:
        home: The lake's folder.
        seed: Decides over moments and texts, as far as the machine repeats itself.
        places: The settings of where the lake is, as far as it isn't in its folder.
        count: What became of the conversations so far.
        acknowledged: The submissions that were answered with 200.
        unanswered: Those of the last load that weren't. Their clients send them again.
    """

    home: Path
    seed: int
    places: Mapping[str, Any] = field(default_factory=dict)
    count: Count = field(default_factory=Count)
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    unanswered: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def load(self, server: Server) -> Iterator[Load]:
        """Keep the server under load within the block, and enter what became of it."""
        self._send_again(server)
        with Load(server.url, f"cycle-{self.count.cycles}", self.seed) as load:
            yield load
        self.acknowledged += load.acknowledged
        self.unanswered += load.unanswered
        self.count.acknowledged = len(self.acknowledged)
        self.count.unanswered += len(load.unanswered)
        self.count.refused += load.refused

    def inspect(self) -> None:
        """Read the table as a stranger would, and count what must not be in it.

        Nothing is lost yet: what was acknowledged may wait in the journal.
        """
        self._compare()

    def finish(self) -> Count:
        """Commit what is pending, now that no server runs, and look for everything."""
        commit_pending(self.home, **self.places)
        in_table = self._compare()
        self.count.lost = len(expected(self.acknowledged).keys() - in_table.keys())
        return self.count

    def _send_again(self, server: Server) -> None:
        """Do what clients do that got no answer."""
        for submission in self.unanswered:
            answer = server.submit(submission)
            assert answer.status_code == 200, answer.text
        self.acknowledged += self.unanswered
        self.unanswered = []
        self.count.acknowledged = len(self.acknowledged)

    def _compare(self) -> Landed:
        try:
            table = open_table(self.home, **self.places)
            in_table = landed(table)
            self.count.commits = len(table.metadata.snapshots)
        except Exception as error:  # noqa: BLE001  # whatever it is, a reader can't read
            click.echo(f"the table can't be read: {error!r}", err=True)
            self.count.unreadable += 1
            return Landed()
        sent = expected(self.acknowledged + self.unanswered)
        self.count.duplicated = sum(in_table.values()) - len(in_table)
        self.count.foreign = len(in_table.keys() - sent.keys())
        return in_table


def reach_a_random_moment(server: Server, load: Load, random: Random) -> None:
    """Return at some moment of a server under load, before, in or after a commit."""
    enough = server.commits + random.randint(0, MOST_COMMITS)
    load.wait_for(1)
    eventually(
        f"the committer leads and has committed {enough} times",
        lambda: server.leads and server.commits >= enough,
    )
    sleep(random.uniform(0, LONGEST_WAIT_S))


def report(seed: int, count: Count) -> None:
    """Print the count, and exit with 1 when anything was lost, duplicated or made up."""
    click.echo(f"seed {seed}: {count}")
    if not count.is_sound:
        raise SystemExit(1)
