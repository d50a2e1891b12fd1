"""The index of the rows of stages: what readers find by it, and what it keeps."""

from collections.abc import Sequence

import pytest
from sqlalchemy import delete, func, select

from app.access.visibility.audience import PUBLIC
from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.curation.pipeline.stages import Stages
from app.query.contributions.staged import StageFilters
from app.query.counts.models import StageIndexFile, StageRows
from app.query.filters import Filters
from app.query.row_index.stages import StageRowIndex
from app.query.snapshots import Reference
from app.services import Services
from catalog.records import Contribution
from catalog.schema import ID
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from migrations.lake import step_0017_stage_rows
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import TEST_RULES
from tests.factories import commit_batch, make_received

pytestmark = pytest.mark.slow

ADA, BOB = "ad" * 16, "b0" * 16
OF_ADA = Filters(contributor_id=ADA)
DAYS = 3


@pytest.fixture
def stages(services: Services, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """Builds stages in the test's own process."""
    monkeypatch.setattr(runner, "start", lambda _: Runner(processes=1))
    return stages_of(services, TEST_RULES)


@pytest.fixture
def rows(services: Services, stages: Stages) -> list[Contribution]:
    """Ada's and Bob's contributions of each day but the last, and anonymous ones of all."""
    made = [
        make_received(day, f"{who} {day}", "a", contributor_id=who)
        for day in range(DAYS)
        for who in ((None,) if day == DAYS - 1 else (None, BOB, ADA))
    ]
    stages.build("cleaned", commit_batch(services, *made))
    return made


@pytest.fixture
def index(services: Services, rows: Sequence[Contribution]) -> StageRowIndex:
    assert rows
    services.reading.summary_job().step()
    return services.reading.stage_row_index


def found(services: Services, filters: Filters, *columns: str) -> list[list[str]]:
    view = services.reading.staged.view("cleaned", Reference(), PUBLIC)
    page = services.reading.staged.page(view, StageFilters(filters), 9, None, [ID, *columns])
    return [list(row.values()) for row in page.rows.to_pylist()]


def ids_of_ada(rows: Sequence[Contribution]) -> list[list[str]]:
    return [[row.contribution_id] for row in rows if row.contributor_id == ADA]


def remove_all_but_first(services: Services) -> None:
    """Remove the files of all days but the first."""
    table = load_table(services.catalog, COMPUTED_STAGES["cleaned"].rows)
    view = services.reading.staged.view("cleaned", Reference(), PUBLIC)
    for file in view.reader.files()[1:]:
        table.io.delete(file.path)


@pytest.mark.both
def test_only_files_with_rows_of_a_contributor_or_content_are_opened(
    services: Services, rows: list[Contribution], index: StageRowIndex
) -> None:
    hers = ids_of_ada(rows)
    assert found(services, OF_ADA) == hers
    ((_, content_hash), _) = found(services, OF_ADA, "content_hash")
    remove_all_but_first(services)
    assert found(services, Filters(content_hash=content_hash)) == hers[:1]
    assert found(services, Filters(content_hash="0" * 64)) == []
    assert found(services, Filters(contributor_id="c" * 32)) == []
    assert found(services, Filters(contributor_id="of another engine")) == []
    with pytest.raises(FileNotFoundError):
        found(services, OF_ADA)
    assert len(index.paths()) == DAYS


def test_files_that_are_not_indexed_are_read(services: Services, rows: list[Contribution]) -> None:
    assert services.reading.stage_row_index.paths() == set()
    assert found(services, OF_ADA) == ids_of_ada(rows)
    services.reading.file_counts.dispose()
    (services.settings.home / "chatlake-counts.db").unlink()
    assert found(services, OF_ADA) == ids_of_ada(rows)
    services.reading.summary_job().step()
    assert len(services.reading.stage_row_index.paths()) == DAYS
    assert found(services, OF_ADA) == ids_of_ada(rows)


def test_indexing_goes_on_where_it_was_stopped(
    services: Services, rows: list[Contribution]
) -> None:
    assert rows
    index = services.reading.stage_row_index
    assert index.keep_up(lambda: False) == 1
    assert found(services, OF_ADA) == ids_of_ada(rows)
    assert index.keep_up(lambda: True) == DAYS - 1
    assert index.keep_up(lambda: True) == 0
    assert list(index.wrong(index.paths())) == []


def test_files_of_earlier_builds_are_forgotten(
    services: Services, stages: Stages, index: StageRowIndex
) -> None:
    before = index.paths()
    stages.build("cleaned", commit_batch(services, make_received(0, "more", contributor_id=ADA)))
    services.reading.summary_job().step()
    assert len(before - index.paths()) == len(index.paths() - before) == 1
    assert list(index.wrong(index.paths())) == []
    index.clear()
    assert number_of(services, StageRows) == number_of(services, StageIndexFile) == 0


def test_wrong_rows_are_found(services: Services, index: StageRowIndex) -> None:
    assert list(index.wrong(index.paths())) == []
    with services.reading.file_counts.database.write() as connection:
        connection.execute(delete(StageRows).where(StageRows.place % 2 == 1))
    assert list(index.wrong(index.paths())) != []


def test_a_takedown_erases_what_is_known_of_the_file(
    services: Services, rows: list[Contribution], index: StageRowIndex
) -> None:
    gone, *left = (row for row in rows if row.contributor_id == ADA)
    before = index.paths()
    request = services.takedown.service.request
    request("contribution", [gone.contribution_id], reason=None, requested_by="test")
    services.takedown.service.run()
    assert len(index.paths()) == len(before & index.paths()) == DAYS - 1
    assert found(services, OF_ADA) == [[row.contribution_id] for row in left]
    services.reading.summary_job().step()
    assert len(index.paths()) == DAYS
    assert found(services, OF_ADA) == [[row.contribution_id] for row in left]


def test_a_lake_of_before_gets_the_tables(services: Services, index: StageRowIndex) -> None:
    counted = services.reading.file_counts.paths()
    with services.reading.file_counts.database.write() as connection:
        for model in (StageRows, StageIndexFile):
            connection.exec_driver_sql(f"DROP TABLE {model.__tablename__}")
    for _ in range(2):
        step_0017_stage_rows.upgrade(services.catalog, services.database)
    assert index.paths() == set()
    assert services.reading.file_counts.paths() == counted


def number_of(services: Services, model: type[StageRows | StageIndexFile]) -> int:
    with services.reading.file_counts.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(model)) or 0
