"""Random histories of a lake, built step by step: each build equals one from nothing."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from pyiceberg.table import Table

from app.curation.pipeline import chunks, cleaned
from app.curation.pipeline.chunks import QuerySize
from app.curation.pipeline.stages import StageBuild
from app.curation.rules.interface import StageRules
from app.services import Services, services_of
from catalog.records import Contribution, Turn
from catalog.snapshots import Snapshot
from catalog.stages.builds import replace_files
from catalog.stages.reader import StageReader
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import TEST_RULES
from tests.catalog.maintenance.history import compact_all
from tests.factories import FIRST_DAY, commit_batch, hide, make_contribution, show
from tests.lakes import LakeTemplate, opened_app

_STEPS = 8
_DAYS = 3
_MOMENTS = 40
_CHATS = 12
_TEXTS = ("Why?", "why?", "Because", "SECRET", "secret", " ", "One more", "Another", "And so on")
_TABLES = [name for stage in COMPUTED_STAGES.values() for name in (stage.rows, stage.dropped)]


class Broken(Exception):
    """A build that was made to fail."""


@dataclass
class History:
    """A lake with all that was done to it.

    Attributes:
        services: The services of the lake.
        random: Chooses what is done.
        commits: The contributions of each commit, and the snapshot that it made.
        hidden: The ids of the contributions that are hidden.
        compacted: The number of commits before each compaction.
    """

    services: Services
    random: Random
    rules: StageRules = TEST_RULES
    commits: list[tuple[Snapshot, list[Contribution]]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    compacted: list[int] = field(default_factory=list)

    def append(self) -> None:
        """Commit contributions of several days, some of them new versions of others."""
        day = self.random.choice([None, *range(_DAYS)])
        made = [self._contribution(day) for _ in range(self.random.choice([1, 1, 2, 30]))]
        self.commits.append((commit_batch(self.services, *made), made))

    def _contribution(self, day: int | None) -> Contribution:
        random = self.random
        moment = FIRST_DAY + timedelta(
            days=random.randrange(_DAYS) if day is None else day,
            seconds=random.randrange(_MOMENTS),
        )
        milliseconds = int(moment.timestamp() * 1000)
        id_ = UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | random.getrandbits(62))
        turns = tuple(
            Turn(random.choice(_TEXTS), role, random.choice([None] * 9 + ["negative"]))
            for role in ("user", "assistant")
        )
        fields: dict[str, Any] = {"title": "T"} if random.random() < 0.1 else {}
        if random.random() < 0.5:
            chat = str(random.randrange(_CHATS))
            fields |= {
                "contributor_id": random.choice(["ada", "bob", "eve"]),
                "conversation_id": chat,
            }
        return make_contribution(contribution_id=str(id_), conversation=turns, **fields)

    def hide_or_show(self) -> None:
        """Hide a contribution, or show it again."""
        _, contributions = self.random.choice(self.commits)
        chosen = self.random.choice(contributions).contribution_id
        contribution_id = self.random.choice([chosen, chosen, chosen, *sorted(self.hidden)])
        change = show if contribution_id in self.hidden else hide
        change(self.services, contribution_id)
        self.hidden ^= {contribution_id}

    def compact(self) -> None:
        """Rewrite the small files of the raw table."""
        compact_all(load_table(self.services.catalog))
        self.compacted.append(len(self.commits))

    def change_rules(self) -> None:
        """Raise a version of the rules."""
        version = str(self.random.random())
        self.rules = (
            replace(self.rules, cleaning_version=version)
            if self.random.random() < 0.5
            else replace(self.rules, curating_version=version)
        )

    def fail(self) -> None:
        """Build until a commit fails, before or after it is made."""
        with pytest.MonkeyPatch.context() as patched, broken(patched, self.random):
            self.build(self.random.randint(1, len(self.commits)))

    def build(self, commits: int) -> StageBuild:
        """Build the snapshot after a number of commits, in the tables as they are."""
        snapshot, _ = self.commits[commits - 1]
        return stages_of(self.services, self.rules).build("curated", snapshot)

    def replay(self, services: Services, commits: int) -> StageBuild:
        """Do to another lake what led to a snapshot of this one, and build that from nothing."""
        for number, (_, made) in enumerate(self.commits[:commits], 1):
            snapshot = commit_batch(services, *made)
            # Compaction takes sequence numbers, which later commits then don't have.
            for _ in range(self.compacted.count(number) if number < commits else 0):
                compact_all(load_table(services.catalog))
        hide(services, *self.hidden)
        return stages_of(services, self.rules).build("curated", snapshot)


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch, random: Random) -> Iterator[None]:
    """Make one of the next four commits to the tables of stages fail, if there are as many."""
    fails_at, is_made = random.randrange(4), random.random() < 0.5
    calls = iter(range(4))

    def commit(*args: Any) -> int:
        if next(calls) != fails_at:
            return replace_files(*args)
        if is_made:
            replace_files(*args)
        raise Broken

    monkeypatch.setattr("app.curation.pipeline.writer.replace_files", commit)
    with suppress(Broken):
        yield


def contents(services: Services) -> dict[str, tuple[list[dict[str, Any]], list[bytes]]]:
    """Return the rows of each table of the stages, and the bytes of its files, in order."""
    return {name: _contents(load_table(services.catalog, name)) for name in _TABLES}


def _contents(table: Table) -> tuple[list[dict[str, Any]], list[bytes]]:
    snapshot = table.current_snapshot()
    assert snapshot
    reader = StageReader(table, snapshot.snapshot_id)
    rows = [row for batch in reader.rows() for row in batch.to_pylist()]
    inputs = [table.io.new_input(task.file.file_path) for task in table.scan().plan_files()]
    return rows, sorted(each.open().read() for each in inputs)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("one_process")
def test_a_stage_is_the_same_however_it_came_to_be(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    lake_template: LakeTemplate,
    tmp_path: Path,
    seed: int,
) -> None:
    monkeypatch.setattr(chunks, "BEGINS_CHUNK", "0$")
    monkeypatch.setattr(cleaned, "QUERY", QuerySize(rows=40, size_bytes=2**40, runs=2))
    random = Random(seed)  # noqa: S311  # a history, not secrets
    history = History(services, random)
    history.append()
    commits = 1
    changes = [history.append] * 4 + [history.hide_or_show, history.hide_or_show, history.compact]
    changes += [history.change_rules, history.fail, history.fail]
    for step in range(1, _STEPS + 1):
        change = random.choice(changes)
        change()
        # Of the newest snapshot, of the one that was built before, or of any.
        newest = len(history.commits)
        commits = random.choice([newest, commits, random.randint(1, newest)])
        built = history.build(commits)
        if step % 4 == 0 or change == history.fail:
            with opened_app(lake_template.copy(tmp_path / f"other {step}")) as app:
                other = services_of(app)
                expected = history.replay(other, commits)
                assert contents(services) == contents(other)
                assert (built.rows, built.dropped) == (expected.rows, expected.dropped)
