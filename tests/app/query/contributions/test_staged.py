"""Pages, streams and counts of computed stages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from app.access.visibility.audience import PUBLIC
from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.query.contributions.staged import (
    LACKING,
    BuildGone,
    BuildNotFound,
    StageFilters,
    StageView,
)
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.query.statistics.facets import FacetCounts
from app.services import Services
from app.state import thinned_builds
from app.state.models import ThinnedBuildRecord
from app.state.thinned_builds import ThinnedBuild
from catalog.errors import SnapshotNotFound
from catalog.records import Contribution, Turn
from catalog.snapshots import Snapshot
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import TEST_RULES
from tests.factories import FIRST_DAY, commit_batch, hide, make_received, show

pytestmark = pytest.mark.slow

COLUMNS = ("contribution_id", "source", "conversation.content")


@dataclass(frozen=True)
class Built:
    """A lake with a stage, and a contribution that came after its build."""

    services: Services
    contributions: list[Contribution]
    before: Snapshot
    source: Snapshot
    newest: Snapshot

    @property
    def ids(self) -> list[str]:
        """The ids of the contributions that the stage has, in order."""
        return [each.contribution_id for each in self.contributions]


@pytest.fixture(scope="module")
def built(shared_services: Services) -> Iterator[Built]:
    """A lake whose stage `cleaned` has nine contributions of three days."""
    rated = (Turn("Hi SECRET", "user"), Turn("Needle", "assistant", rating="positive", model="m"))
    rows = [
        make_received(place // 3, f"text {place}", "answer", source="ab"[place % 2])
        for place in range(8)
    ]
    rows.append(make_received(2, conversation=rated))
    before = commit_batch(shared_services, rows[0])
    source = commit_batch(shared_services, *rows[1:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "start", lambda _: Runner(processes=1))
        stages_of(shared_services, TEST_RULES).build("cleaned", source)
    newest = commit_batch(shared_services, make_received(3))
    yield Built(shared_services, rows, before, source, newest)


def view(built: Built, **reference: Any) -> StageView:
    return built.services.reading.staged.view("cleaned", Reference(**reference), PUBLIC)


def filters(language: str | None = None, **conditions: Any) -> StageFilters:
    return StageFilters(Filters(**conditions), language)


def ids(built: Built, chosen: StageFilters, *, newest_first: bool = False) -> list[str]:
    """Return the ids of all pages of two rows."""
    found: list[str] = []
    after = None
    while True:
        page = built.services.reading.staged.page(
            view(built), chosen, 2, after, COLUMNS, newest_first=newest_first
        )
        assert page.rows.column_names == ["contribution_id", "source", "conversation"]
        found += page.rows["contribution_id"].to_pylist()
        after = page.last_id
        if after is None:
            return found


def test_pages_have_all_rows_once_in_either_order(built: Built) -> None:
    assert ids(built, filters()) == built.ids
    assert ids(built, filters(), newest_first=True) == built.ids[::-1]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_search_that_is_to_end_goes_on_with_the_next_day(
    built: Built, newest_first: bool
) -> None:
    found: list[str] = []
    days = []
    after = None
    while True:
        page = built.services.reading.staged.page(
            view(built),
            filters(q="needle"),
            9,
            after,
            COLUMNS,
            lambda _: False,
            newest_first=newest_first,
        )
        found += page.rows["contribution_id"].to_pylist()
        after = page.last_id
        if after is None:
            break
        days.append(page.next_day)
    assert found == built.ids[8:]
    places = (1, 0) if newest_first else (1, 2)
    assert days == [FIRST_DAY.date() + timedelta(days=place) for place in places]


def test_rows_are_selected_as_in_the_raw_table_and_by_language(built: Built) -> None:
    day = FIRST_DAY.date() + timedelta(days=1)
    assert ids(built, filters(source="a")) == built.ids[:8:2]
    assert ids(built, filters(absent=frozenset({"source"}))) == built.ids[8:]
    assert ids(built, filters(day_from=day, day_to=day)) == built.ids[3:6]
    assert ids(built, filters(q="NEEDLE")) == built.ids[8:]
    assert ids(built, filters(rating="positive", model="m")) == built.ids[8:]
    assert ids(built, filters(min_turns=3)) == []
    (facet,) = (each for each in counts(built, filters()).facets if each.name == "language")
    ((language, number),) = facet.values
    assert number == 9
    assert ids(built, filters(language)) == built.ids
    assert ids(built, filters("xx")) == []


def counts(built: Built, chosen: StageFilters) -> FacetCounts:
    return built.services.reading.facets.count_stage(view(built), chosen)


def test_counts_are_those_of_the_selected_rows(built: Built) -> None:
    found = counts(built, filters(rating="positive"))
    assert found.total == 1
    assert found.days == ((FIRST_DAY.date() + timedelta(days=2), 1),)


def test_texts_are_those_of_the_stage(built: Built) -> None:
    batches = built.services.reading.staged.stream(view(built), filters(q="needle"), COLUMNS)
    (row,) = (row for batch in batches for row in batch.to_pylist())
    assert [turn["content"] for turn in row["conversation"]] == ["Hi SECRET", "Needle"]


def test_what_is_hidden_is_left_out(built: Built) -> None:
    hide(built.services, built.ids[0])
    try:
        assert ids(built, filters()) == built.ids[1:]
        assert counts(built, filters()).total == 8
    finally:
        show(built.services, built.ids[0])


def test_a_moment_has_the_newest_build_whose_source_it_has(built: Built) -> None:
    for moment in (built.source, built.newest):
        found = view(built, snapshot_id=moment.snapshot_id)
        assert found.source == built.source
    with pytest.raises(BuildNotFound):
        view(built, snapshot_id=built.before.snapshot_id)
    with pytest.raises(SnapshotNotFound):
        view(built, snapshot_id=1)


def test_a_page_stays_on_its_build(built: Built) -> None:
    staged = built.services.reading.staged
    build = view(built).snapshot_id
    assert staged.view("cleaned", Reference(), PUBLIC, build).snapshot_id == build
    with pytest.raises(BuildNotFound):
        staged.view("cleaned", Reference(), PUBLIC, build + 1)


@pytest.fixture
def thinned(built: Built) -> Iterator[ThinnedBuild]:
    """A build of the first snapshot, of which only the record is left."""
    build = ThinnedBuild(
        snapshot_id=view(built).snapshot_id - 1,
        stage="cleaned",
        sequence_number=1,
        source_number=built.before.sequence_number,
        built_at=FIRST_DAY,
    )
    with built.services.database.write() as connection:
        thinned_builds.record(connection, [build])
        thinned_builds.record(connection, [build])
    yield build
    with built.services.database.write() as connection:
        connection.execute(delete(ThinnedBuildRecord))


def test_a_build_that_was_thinned_is_gone(built: Built, thinned: ThinnedBuild) -> None:
    with pytest.raises(BuildGone, match="cleaned of 2026-03-01 12:00 UTC isn't kept") as raised:
        view(built, snapshot_id=built.before.snapshot_id)
    assert (raised.value.stage, raised.value.built_at) == ("cleaned", FIRST_DAY)
    with pytest.raises(BuildGone):
        built.services.reading.staged.view("cleaned", Reference(), PUBLIC, thinned.snapshot_id)
    with pytest.raises(BuildNotFound):
        built.services.reading.staged.view("curated", Reference(), PUBLIC, thinned.snapshot_id)
    # Later moments have a build that is kept.
    assert view(built).source == built.source


def test_a_stage_that_was_never_built_has_no_view(built: Built) -> None:
    with pytest.raises(BuildNotFound, match="curated"):
        built.services.reading.staged.view("curated", Reference(), PUBLIC)


def test_only_columns_that_a_stage_has_can_be_asked_for() -> None:
    assert set(LACKING) == {"cleaned", "curated"}
    assert LACKING["cleaned"] == {"conversation_id", "prompt_template", "chat_template"}
