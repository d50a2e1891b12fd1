"""Kills the process that erases, at the beginning, in the middle and at the end of each step.

Run `python -m tests.faults.killed_takedown_steps [--rows 10000] [--backend postgresql]`.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import click
import pyarrow as pa
import pyarrow.compute as pc

from app.maps.description import MapParameters
from app.releases.recipe import Recipe
from app.services import Services
from app.takedown.verify.verification import verify
from catalog.records import Contribution
from catalog.stages.tables import STAGES, Stage
from tests.backends import CLUSTERED, EMBEDDED
from tests.factories import commit_batch, make_contribution, make_contribution_id
from tests.faults.asked_process import asked
from tests.faults.interrupted_takedown import Answer, Command
from tests.faults.lake import opened
from tests.functional.server import ROOT, Server
from tests.lake_rows import Rows, check_sums, counts_of, differing, rows_of, without
from tests.servers.cluster import Cluster
from tests.servers.cluster import cluster as own_cluster

DAYS: Final = 4
CONTRIBUTORS: Final = 40
_WORDS: Final = (ROOT / "LICENSE").read_text().split()
_TURN_WORDS: Final = 30
_KILLED: Final = -9

Erase = Callable[[Command], Answer]
"""Has a process erase."""


@dataclass
class Outcome:
    """The counts of a campaign.

    Attributes:
        takedowns: Number of takedowns.
        killed: Number of those whose process was killed.
        seen: Number of contributions that readers saw after a kill.
        found: Number of places that held a contribution or its text afterwards.
        changed: Number of tables, releases and maps in which something else had changed.
        unfinished: Number of takedowns that hadn't ended after the second attempt.
    """

    takedowns: int = 0
    killed: int = 0
    seen: int = 0
    found: int = 0
    changed: int = 0
    unfinished: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in vars(self).items())

    @property
    def is_sound(self) -> bool:
        """Whether nothing was seen or left, and nothing else is missing."""
        return not (self.seen or self.found or self.changed or self.unfinished)


class KilledSteps:
    """A lake with releases and a map, from which contributors are taken down one by one.

    Attributes:
        outcome: The counts.
    """

    def __init__(self, services: Services, **places: Any) -> None:
        """Take an empty lake, which `fill` fills.

        Args:
            services: The services of the lake.
            places: The settings by which its state doesn't lie in its home folder.
        """
        self.outcome = Outcome()
        self._services = services
        home = str(services.settings.home)
        self._settings = {"home": home, "takedown_grace_s": 0, **places}
        self._rows: Rows = {}
        # In a process of its own, since it ends the locks of this process on SQLite's files.
        self._search = ProcessPoolExecutor(1, get_context("spawn"))

    def fill(self, rows: int, stages: Sequence[Stage]) -> None:
        """Commit conversations, build a release of each of some stages, and a map of the first."""
        random = Random(1)  # noqa: S311  # the same words every time
        for day in range(DAYS):
            made = [_contribution(number, day, random) for number in range(rows // DAYS)]
            newest = commit_batch(self._services, *made)
        for stage in stages:
            recipe = Recipe(name=stage, stage=stage, licence="CC0-1.0")
            self._services.publishing.releases.build(recipe, newest)
        self._services.publishing.maps.build_of_release("map", stages[0], MapParameters())
        self._rows = rows_of(self._services)

    def moments(self) -> Iterator[tuple[str, int | None]]:
        """Take down a contributor without a kill, and yield the moments of each step.

        A moment is the name of a step, and the number of changes that it has made by then; None for
        the end.
        """
        with _eraser() as erase:
            answer = self._take_down(erase)
        for step, changes in answer.changes.items():
            middle = [changes // 2] if changes > 1 else []
            yield from ((step, change) for change in (0, *middle, None))

    def kill(
        self, moments: Iterable[tuple[str, int | None]], say: Callable[[str], None] = lambda _: None
    ) -> Outcome:
        """Take a contributor down for each moment, at which the process that erases is killed."""
        with _eraser() as erase:
            for step, change in moments:
                self._take_down(erase, step, change)
                say(f"{step}, {'end' if change is None else change}: {self.outcome}")
        return self.outcome

    def _take_down(self, erase: Erase, step: str | None = None, change: int | None = 0) -> Answer:
        services = self._services
        name = _contributor(self.outcome.takedowns)
        services.takedown.service.request("contributor", [name], reason=None, requested_by="test")
        ids = services.access.taken_down.unfinished_ids()
        if step is not None:
            killed = erase(Command(self._settings, step, change))
            # One that makes fewer changes ends, and what it has erased needn't be hidden any more.
            if killed.exit_code == _KILLED:
                self.outcome.killed += 1
                hidden = services.access.hidden.ids()
                self.outcome.seen += len(ids) - pc.sum(pc.is_in(ids, hidden)).as_py()
        ended = erase(Command(self._settings))
        self.outcome.unfinished += len(services.access.takedowns.unfinished())
        self._check(ids)
        self.outcome.takedowns += 1
        return ended

    def _check(self, ids: pa.Array) -> None:
        """Look for what is taken down everywhere, and for everything else where it was."""
        before, self._rows = self._rows, rows_of(self._services)
        different = differing(without(before, ids), self._rows)
        text = _text(self.outcome.takedowns)
        wanted = [UUID(each) for each in ids.to_pylist()]
        report = self._search.submit(verify, self._services.settings, wanted, text).result()
        for what in (*map(str, report.findings), *different):
            click.echo(what, err=True)
        counts_of(self._services)
        check_sums(self._services)
        self.outcome.changed += len(different)
        self.outcome.found += len(report.findings)


@contextmanager
def _eraser() -> Iterator[Erase]:
    """Start `interrupted_takedown`, and yield what asks it."""
    with asked("tests.faults.interrupted_takedown", Answer) as erase:
        yield erase


def _contributor(number: int) -> str:
    return f"contributor {number}"


def _text(number: int) -> str:
    """Return what only the texts of a contributor have."""
    return f"unmistakable-{number:04}-quagga"


def _contribution(number: int, day: int, random: Random) -> Contribution:
    owner = number % CONTRIBUTORS
    question, answer = (" ".join(random.choices(_WORDS, k=_TURN_WORDS)) for _ in range(2))
    return make_contribution(
        f"What about {question}? {_text(owner)}",
        f"It is {answer}. {_text(owner)}",
        contribution_id=make_contribution_id(day, number),
        contributor_id=_contributor(owner),
        attribution=f"Name {_text(owner)}",
    )


def places_of(servers: Cluster) -> dict[str, Any]:
    """Return the settings of a new lake whose bucket keeps old versions of objects."""
    bucket = servers.s3.create_versioned_bucket("takedowns")
    places = servers.places()
    folder = places["warehouse"].rpartition("/")[2]
    return {
        **places,
        "warehouse": f"{bucket}/{folder}/lake",
        "releases_bucket": f"{bucket}/{folder}/releases",
    }


@contextmanager
def migrated(home: Path, **places: Any) -> Iterator[Services]:
    """Yield the services of a new lake."""
    Server(home, **places).migrate()
    with opened(home, **places) as services:
        yield services


@contextmanager
def _places(backend: str) -> Iterator[dict[str, Any]]:
    if backend == EMBEDDED:
        yield {}
        return
    with own_cluster() as servers:
        yield places_of(servers)


@click.command()
@click.option("--rows", default=10_000, show_default=True, help="Conversations of the lake.")
@click.option(
    "--backend", type=click.Choice([EMBEDDED, CLUSTERED]), default=CLUSTERED, show_default=True
)
def main(rows: int, backend: str) -> None:
    """Kill at each step; exit with 1 when something was left, seen or changed."""
    with (
        tempfile.TemporaryDirectory(prefix="chatlake-") as folder,
        _places(backend) as places,
        migrated(Path(folder) / "home", **places) as services,
    ):
        # The search opens what queries have spilled there, also those of other lakes.
        tempfile.tempdir = folder
        steps = KilledSteps(services, **places)
        steps.fill(rows, STAGES)
        outcome = steps.kill(list(steps.moments()), click.echo)
        click.echo(str(outcome))
        raise SystemExit(not outcome.is_sound)


if __name__ == "__main__":
    main()
