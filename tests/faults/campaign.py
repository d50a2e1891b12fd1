"""A campaign: repeated faults to a lake, and the comparison of what was sent with its table.

Each fault is a cycle: the server works under load, the fault happens, and the server goes on. At
the end every acknowledged conversation must be in the table once.
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

# A fault comes after a random number of commits and a random wait. A commit takes a fraction of the
# wait, so faults come before, during and after commits.
MOST_COMMITS: Final = 2
LONGEST_WAIT_S: Final = 0.6
# A batch is due by its age at nearly any time, and sometimes by its size within a cycle.
BUSY_COMMITTER: Final[dict[str, Any]] = {"commit_interval_s": 0.1, "commit_max_rows": 300}


@dataclass
class Count:
    """The counts of a campaign.

    Attributes:
        cycles: Number of faults.
        acknowledged: Number of submissions that were answered with 200.
        refused: Number of answers with 503 or 429 and Retry-After.
        unanswered: Number of submissions that got no answer, so that they may be stored or not.
        lost: Number of acknowledged conversations that are not in the table.
        duplicated: Number of rows beyond the first of the same conversation.
        foreign: Number of rows that nobody sent, or that were sent with another text.
        unreadable: Number of times that the table could not be read whole.
        commits: Number of snapshots of the table.
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
        names = (count.name for count in fields(self))
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def is_sound(self) -> bool:
        """Whether every acknowledged conversation, and nothing else, is in the table once."""
        return not (self.lost or self.duplicated or self.foreign or self.unreadable)


@dataclass
class Campaign:
    """A lake, and a record of what was sent to it.

    Attributes:
        home: The lake's home folder.
        seed: Seed of the random moments and texts.
        places: Settings of the state that doesn't lie in the home folder.
        count: The counts so far.
        acknowledged: The submissions that were answered with 200.
        unanswered: Submissions of the last load without an answer, which clients send again.
    """

    home: Path
    seed: int
    places: Mapping[str, Any] = field(default_factory=dict)
    count: Count = field(default_factory=Count)
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    unanswered: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def load(self, server: Server) -> Iterator[Load]:
        """Keep the server under load within the block, and record the answers."""
        self._send_again(server)
        with Load(server.url, f"cycle-{self.count.cycles}", self.seed) as load:
            yield load
        self.acknowledged += load.acknowledged
        self.unanswered += load.unanswered
        self.count.acknowledged = len(self.acknowledged)
        self.count.unanswered += len(load.unanswered)
        self.count.refused += load.refused

    def inspect(self) -> None:
        """Read the table with pyiceberg only, and count what must not be in it.

        Lost conversations aren't counted yet, since acknowledged ones may wait in the journal.
        """
        self._compare()

    def finish(self) -> Count:
        """Commit what is pending, now that no server runs, and count what was lost."""
        commit_pending(self.home, **self.places)
        in_table = self._compare()
        self.count.lost = len(expected(self.acknowledged).keys() - in_table.keys())
        return self.count

    def _send_again(self, server: Server) -> None:
        """Send submissions without an answer again, as their clients do."""
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
    """Wait until a random moment of a server under load, before, during or after a commit."""
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
