"""Kills processes while conversations are replaced, and compares derived state with a rebuild.

Run `python -m tests.faults.killed_replacements --cycles 500 [--seed N]`.
"""

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import uuid4

import click

from app import create_app
from app.access.visibility.audience import OPERATOR
from app.doctor.examination import CHECKS
from app.doctor.examined_lake import ExaminedLake
from app.doctor.finding import Finding
from app.ingest.errors import TakenDownBefore
from app.ingest.uploads.register import Uploads
from app.query.counts.rows import RowCounts
from app.query.snapshots import Reference
from app.services import Services
from app.settings import Settings
from app.state import ledger
from app.versions.keys import contribution_key, version_key
from catalog.columns.arrow import to_arrow
from catalog.reading.counts import rows_by_commit, wrong_counts
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.records import Contribution
from catalog.schema import ID
from catalog.snapshots import to_snapshot
from catalog.table import append_batch, load_table
from catalog.writing.staging import StagedFiles
from tests.app.versions.oracle import index_of, recorded_as_replaced, replaced_in_lake
from tests.factories import make_contribution, make_contribution_id
from tests.faults.interrupted_work import WORK, Command, Do, worker
from tests.faults.lake import opened

CYCLES_PER_LAKE: Final = 50
SETTINGS: Final[dict[str, Any]] = {
    "keep_snapshots": 4,
    "keep_hourly_snapshots": 0,
    "keep_daily_snapshots": 0,
    "compact_open_day_files": 4,
    "takedown_grace_s": 0,
}
_CONVERSATIONS: Final = 12
_DAYS: Final = 3
_MOST_CONTRIBUTIONS: Final = 4
_FIRST_GUESS: Final = 20
"""Changes that work makes, as long as none of it has ended."""
_STARTING: Final = "start the server"
"""How what mends a finding begins if the next committer does it."""
_SHARES: Final = {"erase": 0.15, "from another engine": 0.15, "in an upload": 0.3}


@dataclass
class Outcome:
    """The counts of a campaign.

    Attributes:
        cycles: Number of times that a process was to be killed.
        killed: Number of those that were, by what they did.
        contributions: Number of contributions that were acknowledged or appended.
        erased: Number of contributions that were taken down.
        lost: Number of contributions that the table lacks, has twice, or has though they are
            erased.
        unlike_rebuild: Number of times that something differed from a rebuild.
        wrongly_seen: Number of times that readers were told wrongly what was replaced.
        alarms: Number of findings of the doctor that weren't right.
    """

    cycles: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    contributions: int = 0
    erased: int = 0
    lost: int = 0
    unlike_rebuild: int = 0
    wrongly_seen: int = 0
    alarms: int = 0

    def __str__(self) -> str:
        counts = {**vars(self), "killed": self.killed.total()}
        by = ", ".join(f"{work} {count}" for work, count in sorted(self.killed.items()))
        return ", ".join(f"{name} {value}" for name, value in counts.items()) + f" ({by})"

    @property
    def is_sound(self) -> bool:
        """Whether everything was as it has to be."""
        return not (self.lost or self.unlike_rebuild or self.wrongly_seen or self.alarms)


class KilledReplacements:
    """A lake whose conversations are replaced, by processes that are killed.

    Attributes:
        outcome: The counts.
    """

    def __init__(
        self, home: Path, seed: int, do: Do, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """Make a lake.

        Args:
            home: The home folder of the lake.
            seed: Seed of the random choices.
            do: Has a process do something.
            say: Called with what is wrong, and with the counts after each kill.
        """
        self.outcome = Outcome()
        self._home = home
        self._random = Random(seed)  # noqa: S311  # it picks moments, not secrets
        self._do = do
        self._say = say
        self._sent = set[str]()
        self._erased = set[str]()
        self._changes = dict.fromkeys(WORK, _FIRST_GUESS)
        runner = create_app(Settings.at(home)).test_cli_runner()
        assert runner.invoke(args=["migrate"]).exit_code == 0

    def run(self, cycles: int) -> Outcome:
        """Kill a number of times, and return the counts."""
        for _ in range(cycles):
            self.cycle(self._random.choice(list(WORK)))
            self._say(str(self.outcome))
        return self.outcome

    def cycle(self, work: str, change: int | None = None) -> None:
        """Send new versions, have a process killed while it works, and compare what is left.

        Args:
            work: What it does, by its name in `WORK`.
            change: How many changes it has made when it is killed; None for a random number.
        """
        with opened(self._home, **SETTINGS) as services:
            self._send(services)
            if work == "erase" or self._random.random() < _SHARES["erase"]:
                self._take_down(services)
        if change is None:
            change = self._random.randrange(self._changes[work] + 1)
        settings = {"home": str(self._home), **SETTINGS}
        answer = self._do(Command(settings, work, change))
        self.outcome.cycles += 1
        if answer.exit_code == -signal.SIGKILL:
            self.outcome.killed[work] += 1
            # Later, too, as long as none has ended.
            self._changes[work] = max(self._changes[work], change + 1)
        else:
            assert answer.exit_code == 0, f"{work} failed"
            self._changes[work] = answer.changes
        place = f"{work}, change {change}"
        with opened(self._home, **SETTINGS) as services:
            self._check_kill(services, place)
            recover(services)
            self._check_recovered(services, place)

    def _send(self, services: Services) -> None:
        """Submit contributions, upload them, or append them as another engine does."""
        made = [self._make() for _ in range(self._random.randint(1, _MOST_CONTRIBUTIONS))]
        if self._random.random() < _SHARES["from another engine"]:
            append_batch(load_table(services.catalog), uuid4(), made)
            self._sent |= {each.contribution_id for each in made}
        elif self._random.random() < _SHARES["in an upload"]:
            refused = services.ingest.refusals.current(max_age_s=0)
            self._sent |= _upload(services, [each for each in made if not refused.reason(each)])
        else:
            for each in made:
                # A version of a conversation of which the newest was taken down is refused.
                with suppress(TakenDownBefore):
                    services.ingest.journal.append(each)
                    self._sent.add(each.contribution_id)
        self.outcome.contributions = len(self._sent)

    def _make(self) -> Contribution:
        # Ids don't follow the order of commits, since the clocks of several servers differ.
        day, number = self._random.randrange(_DAYS), self._random.getrandbits(48)
        fields = {}
        if self._random.random() < 0.8:
            fields["conversation_id"] = f"{self._random.randrange(_CONVERSATIONS):032x}"
        return make_contribution(
            f"text {number}", contribution_id=make_contribution_id(day, number), **fields
        )

    def _take_down(self, services: Services) -> None:
        left = sorted(set(_ids(services)) - self._erased)
        if not left:
            return
        chosen = self._random.choice(left)
        services.takedown.service.request(
            "contribution", [chosen], reason=None, requested_by="test"
        )
        # Versions of it that came earlier go, too.
        self._erased = set(services.access.taken_down.ids().to_pylist())
        self.outcome.erased = len(self._erased)

    def _check_kill(self, services: Services, place: str) -> None:
        """Check what readers are told, and that the doctor finds nothing but work that is left."""
        self._check_seen(services, place)
        for finding in examine(services):
            # Ids are of days long ago, so that what waits has waited for long.
            is_left = finding.severity == "warning" or finding.mend.startswith(_STARTING)
            if not is_left:
                self.outcome.alarms += 1
                self._say(f"{place}: {finding}")

    def _check_recovered(self, services: Services, place: str) -> None:
        """Compare everything with the lake and with a rebuild."""
        self._check_seen(services, place)
        for finding in examine(services):
            self.outcome.alarms += 1
            self._say(f"{place}, after recovery: {finding}")
        there = Counter(_ids(services))
        wrong = {each for each, count in there.items() if count > 1}
        wrong |= there.keys() ^ (self._sent - self._erased)
        self.outcome.lost += len(wrong)
        before = _derived(services)
        rebuild(services)
        after = _derived(services)
        for name, value in before.items():
            if value != after[name]:
                self.outcome.unlike_rebuild += 1
                self._say(f"{place}: {name} isn't as rebuilt")

    def _check_seen(self, services: Services, place: str) -> None:
        """Check what was replaced as of every snapshot against a scan of the lake."""
        erased = set(services.access.taken_down.committed(0, 2**62)[ID].to_pylist())
        for snapshot in services.reading.snapshots.page(1_000, None)[:3]:
            view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
            replaced = services.reading.replaced.as_of(view)
            days = map(replaced.on, replaced.days_since(0))
            told = {each for day in days for each in day.to_pylist()}
            if told - erased != replaced_in_lake(services, snapshot).keys() - erased:
                self.outcome.wrongly_seen += 1
                self._say(f"{place}: wrong at the commit {snapshot.sequence_number}")


def _upload(services: Services, made: Sequence[Contribution]) -> set[str]:
    """Upload contributions that prepare their versions, and return their ids."""
    uploads = Uploads(services.database, timedelta(days=1), prepared=services.versions.prepared)
    in_order = sorted(made, key=lambda each: each.contribution_id)
    if not in_order:
        return set()
    opened = uploads.open()
    files = StagedFiles(load_table(services.catalog), uuid4())
    files.write(to_arrow(in_order))
    keyed = [(version_key(each), contribution_key(each.contribution_id)) for each in in_order]
    uploads.prepare(opened, [sorted((*key, each) for key, each in keyed if key)])
    uploads.acknowledge(opened, files.finish(), 0, b"", b"")
    return {each.contribution_id for each in in_order}


def examine(services: Services) -> list[Finding]:
    """Return what the doctor finds; nothing else uses the lake, so that nothing has to settle."""
    examined = ExaminedLake(
        settings=services.settings,
        database=services.database,
        catalog=services.catalog,
        is_deep=True,
    )
    return [finding for check in CHECKS.values() for finding in check(examined)]


def recover(services: Services) -> None:
    """Do what the next committer does first, and count the files."""
    committer = services.jobs.committer()
    committer.reconcile()
    committer.drain()
    services.takedown.service.run()
    services.reading.summary_job().step()


def rebuild(services: Services) -> None:
    """Make all derived state anew."""
    services.versions.filling().fill(is_replaced_anew=True)
    services.reading.file_counts.forget(services.reading.file_counts.paths())
    services.reading.summary_job().step()


def _derived(services: Services) -> dict[str, object]:
    """Return the derived state, in a form in which a rebuild makes no difference."""
    table = load_table(services.catalog)
    newest = table.current_snapshot()
    view = services.reading.snapshots.view(Reference(), OPERATOR)
    replaced = recorded_as_replaced(services)
    if newest is not None:
        assert replaced_in_lake(services, to_snapshot(newest)).items() >= replaced.items()
    with services.database.read() as connection:
        recorded = list(ledger.oldest_first(connection))
    counts = services.reading.file_counts.of(services.reading.summaries.paths(view))
    return {
        "index": index_of(services),
        "replaced": replaced,
        "ledger": list(wrong_counts(rows_by_commit(table), recorded)),
        "counts": _summed(counts),
    }


def _summed(counts: dict[str, RowCounts]) -> object:
    """Return what the counts of files add up to: a rebuild writes `replaced` in other files."""
    sums = Counter[tuple[str, str | None]]()
    for path, each in counts.items():
        sign = -1 if "/replaced/" in path else 1
        for name, values in each.by.items():
            for value, contributions, _ in values:
                sums[name, value] += sign * contributions
    return {key: number for key, number in sums.items() if number}


def _ids(services: Services) -> list[str]:
    table = load_table(services.catalog)
    newest = table.current_snapshot()
    if newest is None:
        return []
    batches = read(table, plan(table, to_snapshot(newest)), [ID])
    return [each for batch in batches for each in batch[ID].to_pylist()]


@click.command()
@click.option("--cycles", default=500, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
def main(cycles: int, seed: int) -> None:
    """Kill at random changes; exits with 1 when anything was lost or isn't as a rebuild has it."""
    is_sound, done = True, 0
    with worker() as do:
        while done < cycles:
            with TemporaryDirectory(prefix="chatlake-") as folder:
                lake = KilledReplacements(Path(folder) / "home", seed + done, do, click.echo)
                outcome = lake.run(min(CYCLES_PER_LAKE, cycles - done))
            is_sound &= outcome.is_sound
            click.echo(f"seed {seed + done}: {outcome}")
            done += CYCLES_PER_LAKE
    raise SystemExit(not is_sound)


if __name__ == "__main__":
    main()
