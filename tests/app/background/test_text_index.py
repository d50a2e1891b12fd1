"""The index of texts follows the data files, and no answer depends on it."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product
from threading import Event

import pytest
from msgspec.structs import replace

from app.access.visibility.audience import PUBLIC
from app.background import text_index
from app.background.maintenance.service import Maintenance
from app.background.text_index import IndexingStopped, TextIndexing, newest_files
from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.query.contributions.staged import StageFilters
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.query.text_index import folder
from app.services import Services
from app.settings import Settings
from catalog.records import Turn
from catalog.schema import ID
from catalog.snapshots import Snapshot
from catalog.stages import reader
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import TEST_RULES
from tests.factories import commit_batch, make_received
from tests.lakes import LakeTemplate

DAYS = 2
TEXTS = ("The sky is blue", "天气很好", "a sky of lead", "Straße", "ปลาทู", "nothing")
SEARCHES = (
    "sky",
    "SKY IS",
    "天气",
    "气",
    "strasse",
    "STRASSE",
    "ปลา",
    "absent",
    "e",
    "?",
    "of lead",
)
FEW_SEARCHES = ("sky", "天气", "absent")
"""For where the files are other ones, and the texts in them the same."""


def indexing(services: Services, share: float = 1) -> TextIndexing:
    """Return what builds, some days after the last commit."""
    return TextIndexing(
        services.reading.text_indexes, lambda: services.catalog, share, lambda: datetime.now(UTC)
    )


def fill(services: Services) -> tuple[Snapshot, Snapshot]:
    """Commit texts of each day twice, so that each day has two files, and return the snapshots."""
    rows = [
        make_received(
            day,
            conversation=(Turn(f"turn {n}"), Turn(text, edited_content=TEXTS[n - 1])),
            source=("app", "script")[n % 2],
        )
        for day in range(DAYS)
        for n, text in enumerate(TEXTS)
    ]
    more = [make_received(day, "a blue sky", source="app") for day in range(DAYS)]
    return commit_batch(services, *rows[:-4]), commit_batch(services, *rows[-4:], *more)


def answers(
    services: Services, *snapshots: Snapshot, searches: Sequence[str] = SEARCHES
) -> list[object]:
    """Return what is answered about each search at some snapshots: rows, counts and pages."""
    return [
        answer
        for snapshot in snapshots
        for text in searches
        for answer in _answers_of(services, snapshot, Filters(q=text, source="app"))
    ]


def _answers_of(services: Services, snapshot: Snapshot, filters: Filters) -> Iterator[object]:
    view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
    yield services.reading.contributions.count(view, filters)
    yield services.reading.statistics.count(view, filters, ["day"]).groups.to_pylist()
    for newest_first in (False, True):
        page = services.reading.contributions.page(
            view, filters, 1, None, newest_first=newest_first
        )
        yield page.rows.to_pylist()
        if page.last_id:
            rest = services.reading.contributions.page(
                view, filters, 9, page.last_id, newest_first=newest_first
            )
            yield rest.rows.to_pylist()


def indexed_files(services: Services) -> int:
    return indexing(services).status().files


@pytest.mark.slow
def test_texts_of_stages_are_indexed_and_found_as_without(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "start", lambda _: Runner(processes=1))
    rows = [make_received(day, text, f"{day}") for day in range(DAYS) for text in TEXTS]
    stages_of(services, TEST_RULES).build("curated", commit_batch(services, *rows))

    def found() -> list[object]:
        views = [
            services.reading.staged.view(each, Reference(), PUBLIC) for each in COMPUTED_STAGES
        ]
        every = product(views, [StageFilters(Filters(q=text)) for text in SEARCHES])
        pages = [
            services.reading.staged.page(view, filters, 9, None, [ID]) for view, filters in every
        ]
        return [page.rows.to_pylist() for page in pages]

    expected = found()
    steps = list(indexing(services).step(Event()))
    assert len(steps) == 3 * DAYS
    assert [step.missing for step in steps] == [*range(len(steps))][::-1]
    assert found() == expected
    assert any(expected)
    # Nothing is read for a text that no row has.
    monkeypatch.setattr(reader, "row_groups_of", None)
    view = services.reading.staged.view("cleaned", Reference(), PUBLIC)
    absent = StageFilters(Filters(q="absent"))
    assert services.reading.staged.page(view, absent, 9, None, [ID]).rows.num_rows == 0


def test_a_file_with_an_id_that_no_server_made_is_indexed(services: Services) -> None:
    foreign = replace(make_received(0), contribution_id="row 1 of another engine")
    commit_batch(services, foreign, make_received(0))
    assert len(list(indexing(services).step(Event()))) == 1


@pytest.mark.slow
def test_indexes_that_nobody_needs_go_while_many_others_are_built(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_index, "POLL_S", 0)
    fill(services)
    steps = indexing(services).step(Event())
    assert next(steps).missing
    of_replaced = services.settings.text_index / "other.1.sqlite"
    of_replaced.touch()
    assert next(steps).missing
    assert not of_replaced.exists()


@pytest.mark.slow
def test_no_answer_depends_on_the_index_at_any_snapshot(services: Services) -> None:
    snapshots = fill(services)
    expected = answers(services, *snapshots)
    assert list(indexing(services).step(Event()))
    assert answers(services, *snapshots) == expected


@pytest.mark.slow
@pytest.mark.both
def test_a_file_without_an_index_is_read(services: Services) -> None:
    snapshots = fill(services)
    expected = answers(services, *snapshots, searches=FEW_SEARCHES)
    built = list(indexing(services).step(Event()))
    assert [each.missing for each in built] == [*reversed(range(2 * DAYS))]
    assert indexed_files(services) == 2 * DAYS
    newest = commit_batch(services, make_received(1, "a fresh sky", source="app"))
    mixed = answers(services, *snapshots, newest, searches=FEW_SEARCHES)
    assert mixed[: len(expected)] == expected
    indexing(services).drop()
    assert answers(services, newest, searches=FEW_SEARCHES) == mixed[len(expected) :]


@pytest.mark.slow
def test_compaction_replaces_indexes_too(services: Services) -> None:
    snapshots = fill(services)
    assert len(list(indexing(services).step(Event()))) == 2 * DAYS
    expected = answers(services, *snapshots, searches=FEW_SEARCHES)
    compact(services)
    # Until the next step, new files have no index and the old ones' are of no use.
    assert indexed_files(services) == 0
    assert answers(services, *snapshots, searches=FEW_SEARCHES) == expected
    assert len(list(indexing(services).step(Event()))) == DAYS
    assert indexed_files(services) == DAYS
    assert answers(services, *snapshots, searches=FEW_SEARCHES) == expected


def compact(services: Services) -> None:
    later = datetime.now(UTC) + timedelta(hours=3)
    maintenance = Maintenance(
        services.database,
        services.ingest.claims,
        services.catalog,
        services.versions.recorder,
        services.settings,
        lambda: later,
    )
    assert len(list(maintenance.compaction.compact(Event()))) == DAYS


@pytest.mark.slow
def test_nothing_is_left_to_do_after_a_step(services: Services) -> None:
    assert list(indexing(services).step(Event())) == []
    fill(services)
    assert list(indexing(services).step(Event()))
    assert list(indexing(services).step(Event())) == []


@pytest.mark.slow
def test_a_step_ends_when_a_data_file_is_lost(services: Services) -> None:
    fill(services)
    table = load_table(services.catalog)
    table.io.delete(newest_files(table)[0].path)
    assert len(list(indexing(services).step(Event()))) == 2 * DAYS - 1
    assert list(indexing(services).step(Event())) == []


def test_a_disk_that_is_nearly_full_gets_no_index(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_batch(services, make_received(0))
    monkeypatch.setattr(folder, "LEAST_FREE_BYTES", 2**63)
    assert list(indexing(services).step(Event())) == []
    monkeypatch.undo()
    assert len(list(indexing(services).step(Event()))) == 1


@pytest.mark.slow
def test_a_second_process_leaves_building_to_the_first(services: Services) -> None:
    fill(services)
    with closing(services.reading.text_indexes.builder_lock()) as lock:
        assert lock.try_acquire()
        assert list(indexing(services).step(Event())) == []
    assert len(list(indexing(services).step(Event()))) == 2 * DAYS


@pytest.mark.slow
def test_what_a_stopped_step_has_built_stays(services: Services) -> None:
    fill(services)
    stop = Event()
    steps = indexing(services).step(stop)
    next(steps)
    stop.set()
    with pytest.raises(IndexingStopped):
        next(steps)
    assert indexed_files(services) == 1
    assert len(list(services.reading.text_indexes._folder.glob("*.sqlite"))) == 1
    assert len(list(services.reading.text_indexes._folder.iterdir())) == 2
    assert len(list(indexing(services).step(Event()))) == 2 * DAYS - 1


@pytest.mark.slow
def test_building_pauses_between_pieces_of_work(services: Services) -> None:
    waits = []

    class Stop(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0)
            return False

    fill(services)
    list(indexing(services, share=0.01).step(Stop()))
    assert len(waits) == 2 * DAYS
    assert min(waits) > 0


@pytest.mark.slow
def test_a_failed_build_is_tried_again_by_the_job(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(services)
    monkeypatch.setattr("app.background.text_index.POLL_S", 0.01)
    job, stop = indexing(services), Event()
    failures: list[int] = []

    def fail_once(stop: Event) -> Iterator[object]:
        if not failures:
            failures.append(1)
            raise OSError("no space left on device")
        yield from step(stop)
        stop.set()

    step = job.step
    monkeypatch.setattr(job, "step", fail_once)
    job.run(stop)
    assert indexed_files(services) == 2 * DAYS


@pytest.fixture
def off(tmp_path_factory: pytest.TempPathFactory, lake_template: LakeTemplate) -> Settings:
    """Settings of a lake without an index."""
    return lake_template.copy(tmp_path_factory.mktemp("off") / "home", text_index_share=0)


def test_there_is_no_job_where_there_is_to_be_no_index(off: Settings) -> None:
    with closing(Services(off)) as services:
        assert services.jobs.text_index_job() is None


def test_the_files_of_a_table_without_commits_are_none(services: Services) -> None:
    assert newest_files(load_table(services.catalog)) == []
