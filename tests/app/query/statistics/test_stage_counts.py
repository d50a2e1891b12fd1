"""Counts of stages that are summed from those of files, against those of single rows."""

from typing import NoReturn

import pytest
from msgspec.structs import replace

from app.access.visibility.audience import PUBLIC
from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.curation.pipeline.stages import Stages
from app.query.contributions.pages import always
from app.query.contributions.staged import StageFilters, StageView
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.query.statistics import stage_counts
from app.query.statistics.facets import FacetCounts
from app.services import Services
from catalog.records import Turn
from catalog.stages import reader
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import TEST_RULES
from tests.factories import commit_batch, hide, make_contribution, make_received, show

pytestmark = pytest.mark.slow

EVERY_ROW = StageFilters(Filters())
# Every row meets it, and each has to be looked at.
EVERY_ROW_LOOKED_AT = StageFilters(Filters(min_turns=1))


@pytest.fixture
def stages(services: Services, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """Builds stages in the test's own process."""
    monkeypatch.setattr(runner, "start", lambda _: Runner(processes=1))
    return stages_of(services, TEST_RULES)


def view_of(services: Services) -> StageView:
    return services.reading.staged.view("cleaned", Reference(), PUBLIC)


def counts(services: Services, filters: StageFilters = EVERY_ROW) -> FacetCounts:
    return services.reading.facets.count_stage(view_of(services), filters)


def build(services: Services, stages: Stages) -> list[str]:
    """Build `cleaned` of five contributions on two days, and return their ids."""
    rated = (Turn("Hi", "user"), Turn("Hello", "assistant", model="m", rating="positive"))
    rows = [
        make_received(place // 2, f"text {place}", "a", source="ab"[place % 2])
        for place in range(4)
    ]
    rows.append(make_received(1, conversation=rated))
    stages.build("cleaned", commit_batch(services, *rows))
    return [row.contribution_id for row in rows]


def without_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make reading rows of stages fail."""

    def row_groups_of(*_: object) -> NoReturn:
        raise AssertionError("a file was read")

    monkeypatch.setattr(reader, "row_groups_of", row_groups_of)


def test_sums_of_files_are_the_counts_of_single_rows(services: Services, stages: Stages) -> None:
    ids = build(services, stages)
    hide(services, ids[0])
    assert counts(services) == counts(services, EVERY_ROW_LOOKED_AT)
    assert counts(services).total == 4
    show(services, ids[0])
    foreign = replace(make_contribution(), contribution_id="row 1 of another engine")
    hide(services, foreign.contribution_id)
    assert counts(services) == counts(services, EVERY_ROW_LOOKED_AT)
    assert counts(services).total == 5


def test_a_counted_stage_is_summed_without_reading_it(
    services: Services, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(services, stages)
    # Two files of the raw table, and two of the stage.
    assert services.reading.summary_job().step() == 4
    assert services.reading.summary_job().step() == 0
    expected = counts(services)
    services.reading.file_counts._cache.clear()
    without_reading(monkeypatch)
    assert counts(services) == expected
    assert services.reading.facets.is_quick_in(view_of(services), EVERY_ROW)
    assert not services.reading.facets.is_quick_in(view_of(services), EVERY_ROW_LOOKED_AT)


def test_a_value_that_no_row_of_a_file_has_keeps_the_file_closed(
    services: Services, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(services, stages)
    services.reading.summary_job().step()
    view = view_of(services)
    without_reading(monkeypatch)
    nobody = (
        StageFilters(Filters(model="none")),
        StageFilters(Filters(source="none")),
        StageFilters(Filters(), "none"),
    )
    for filters in nobody:
        assert services.reading.staged.page(view, filters, 9, None, ["source"]).rows.num_rows == 0
        assert services.reading.facets.count_stage(view, filters).total == 0
    with pytest.raises(AssertionError):
        services.reading.staged.page(
            view, StageFilters(Filters(model="m")), 9, None, ["source"], always
        )


def test_counts_of_replaced_files_are_forgotten(services: Services, stages: Stages) -> None:
    build(services, stages)
    services.reading.summary_job().step()
    before = services.reading.stage_counts.paths()
    stages.build("cleaned", commit_batch(services, make_received(1, "more", "a")))
    # A file of the raw table, and the one that the build wrote anew.
    assert services.reading.summary_job().step() == 2
    after = services.reading.stage_counts.paths()
    assert len(before & after) == 1
    assert not services.reading.file_counts.paths() & (before - after)
    assert services.reading.file_counts.paths() >= after


def test_wrong_counts_are_found(services: Services, stages: Stages) -> None:
    build(services, stages)
    services.reading.summary_job().step()
    paths = services.reading.stage_counts.paths()
    assert list(services.reading.stage_counts.wrong(paths)) == []
    path = min(paths)
    known = services.reading.file_counts.of([path])[path]
    services.reading.file_counts.forget([path])
    services.reading.file_counts.store({path: replace(known, turns=known.turns + 1)})
    assert list(services.reading.stage_counts.wrong(paths)) == [path]


def test_a_file_that_nobody_counted_is_read_once(
    services: Services, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(services, stages)
    expected = counts(services)
    without_reading(monkeypatch)
    assert counts(services) == expected
    assert stage_counts.StageCounts.can_count(EVERY_ROW)
