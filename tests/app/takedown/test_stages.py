"""Stages lose what is taken down, and the next build is the same as one from nothing."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event
from uuid import UUID

import pytest

from app.curation.errors import TakedownWaits
from app.curation.pipeline import chunks, cleaned, runner
from app.curation.pipeline.chunks import QuerySize
from app.curation.pipeline.records import BUILD_LOCK, ChunkRecords
from app.curation.pipeline.runner import Runner
from app.curation.pipeline.stages import StageBuild, Stages
from app.services import Services, services_of
from app.settings import Settings
from app.state import ledger
from app.takedown.verify.verification import verify
from catalog.schema import ID
from catalog.snapshots import live_snapshots
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.app.curation.build import stages_of
from tests.app.curation.pipeline.test_increments import History, contents
from tests.app.curation.watched_rules import TEST_RULES
from tests.app.takedown.lake import MARK, Lake
from tests.factories import commit_batch, make_received
from tests.lakes import LakeTemplate, opened_app
from tests.migrations.traces import files_with

_STEPS = 4
AGENT = "an agent that one contribution names"


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the rules in the test's own process, which needs no start."""
    monkeypatch.setattr(runner, "start", lambda _: Runner(processes=1))


@pytest.fixture
def stages(services: Services) -> Stages:
    return stages_of(services, TEST_RULES)


def erase(services: Services, contribution_id: str) -> None:
    services.takedown.service.request(
        "contribution", [contribution_id], reason=None, requested_by="test"
    )
    services.takedown.service.run()


def ids_in(services: Services, name: str) -> set[str]:
    """Return the contribution_ids in every live snapshot of a table of the stages."""
    table = load_table(services.catalog, name)
    columns = [each for each in (ID, "kept_id") if each in table.schema().column_names]
    return {
        row[column]
        for snapshot in live_snapshots(table)
        for batch in stage_rows(table, snapshot.snapshot_id, columns)
        for row in batch.to_pylist()
        for column in columns
    }


def counted(services: Services) -> list[tuple[int, int]]:
    """Return the numbers of rows that each stage keeps and drops, as its chunks are recorded."""
    records = ChunkRecords(services.database)
    return [
        (
            sum(record.rows for record in records.of(stage).values()),
            sum(sum(record.dropped.values()) for record in records.of(stage).values()),
        )
        for stage in COMPUTED_STAGES
    ]


@pytest.mark.slow
def test_every_snapshot_of_every_stage_loses_the_row(
    lake: Lake, stages: Stages, settings: Settings
) -> None:
    """One is kept, a duplicate of it is dropped for it, and one is dropped by cleaning."""
    kept = make_received(0, f"{MARK} q", "a")
    duplicate = make_received(1, f"{MARK} q", "a")
    emptied = make_received(1, " ", " ")
    stages.build("curated", lake.commit(kept, duplicate, emptied, make_received(0, "stays", "a")))
    stages.build("curated", lake.commit(make_received(2, "later", "a")))
    tables = [name for stage in COMPUTED_STAGES.values() for name in (stage.rows, stage.dropped)]
    assert {kept.contribution_id} <= set.intersection(
        *(ids_in(lake.services, name) for name in tables if "cleaned_dropped" not in name)
    )
    assert counted(lake.services) == [(4, 1), (3, 1)]

    erase(lake.services, kept.contribution_id)
    assert not any(kept.contribution_id in ids_in(lake.services, name) for name in tables)
    assert counted(lake.services) == [(3, 1), (2, 1)]
    erase(lake.services, emptied.contribution_id)
    assert not any(emptied.contribution_id in ids_in(lake.services, name) for name in tables)
    assert counted(lake.services) == [(3, 0), (2, 1)]

    # What was dropped for the erased one stays now.
    built = stages.build("curated", lake.snapshots[-1])
    assert (built.rows, built.dropped) == (3, {})
    erase(lake.services, duplicate.contribution_id)
    assert files_with(settings.home, [MARK]) == {}


@pytest.mark.slow
def test_counts_and_texts_of_stages_go_with_the_files_that_are_replaced(
    lake: Lake, stages: Stages
) -> None:
    services, gone = lake.services, make_received(0, f"{MARK} q", "a", agent_id=AGENT)
    stages.build("curated", lake.commit(gone, make_received(1, "stays", "a")))
    services.reading.summary_job().step()
    indexing = services.reading.text_indexing()
    # Two days of the raw table and of each stage.
    assert len(list(indexing.step(Event()))) == 6
    assert len(services.reading.stage_counts.paths() & services.reading.file_counts.paths()) == 4
    erase(services, gone.contribution_id)
    assert indexing.status().files == 3
    # The raw table has its two files, of which one isn't counted yet, and so do the stages.
    assert len(services.reading.file_counts.paths()) == 3
    assert verify(services.settings, [UUID(gone.contribution_id)], AGENT).findings == set()


@dataclass
class TakenDownHistory(History):
    """A history in which contributions are taken down, too."""

    def take_down(self) -> None:
        """Take down a contribution with the versions that it superseded."""
        _, contributions = self.random.choice(self.commits)
        name = self.random.choice(contributions).contribution_id
        erase(self.services, name)

    def replay(self, services: Services, commits: int) -> StageBuild:
        """Do the same to another lake, take down the same, and build from nothing."""
        for _, made in self.commits:
            commit_batch(services, *made)
        rows = list(self.services.access.taken_down.rows())
        for row in rows:
            services.access.takedowns.record(
                "contribution", row.contribution_id, [row], reason=None, requested_by="test"
            )
        services.takedown.service.run()
        with services.database.read() as connection:
            snapshot = ledger.page(connection, 1000)[-commits]
        return stages_of(services, self.rules).build("curated", snapshot)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_stage_is_the_same_however_it_came_to_be(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    lake_template: LakeTemplate,
    tmp_path: Path,
    seed: int,
) -> None:
    monkeypatch.setattr(chunks, "BEGINS_CHUNK", "0$")
    monkeypatch.setattr(cleaned, "QUERY", QuerySize(rows=40, size_bytes=2**40, runs=2))
    history = TakenDownHistory(services, Random(seed))  # noqa: S311  # a history, not secrets
    history.append()
    history.build(1)
    for step in range(1, _STEPS + 1):
        change = history.random.choice([history.append, history.take_down, history.take_down])
        change()
        if change == history.append and step < _STEPS:
            continue
        commits = history.random.randint(1, len(history.commits))
        built = history.build(commits)
        settings = lake_template.copy(tmp_path / f"other {step}")
        with opened_app(settings) as app:
            other = services_of(app)
            expected = history.replay(other, commits)
            assert contents(services) == contents(other)
            assert (built.rows, built.dropped) == (expected.rows, expected.dropped)


@pytest.mark.slow
def test_a_build_gives_way_to_a_takedown_that_has_waited_for_long(lake: Lake) -> None:
    snapshot = lake.commit(make_received(0, "q", "a"), make_received(1, "r", "b"))
    waits = False
    stages = Stages(
        lake.services.database,
        lake.services.catalog,
        lambda: TEST_RULES,
        lake.services.reading.replaced,
        lake.services.access.hidden.ids,
        takedown_waits=lambda: waits,
    )
    assert stages.build("curated", snapshot).rows == 2
    waits = True
    lake.commit(make_received(2, "s", "c"))
    with pytest.raises(TakedownWaits):
        stages.build("curated", lake.snapshots[-1])
    lock = lake.services.database.lock(BUILD_LOCK)
    assert lock.try_acquire()
    lock.close()
    waits = False
    assert stages.build("curated", lake.snapshots[-1]).rows == 3
