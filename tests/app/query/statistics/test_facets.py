from collections.abc import Iterable
from typing import Any

import pytest

from app.query.counts.rows import SUMMED
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.query.statistics import facets
from app.query.statistics.facets import FacetCounts
from app.services import Services
from catalog.records import Turn
from catalog.table import load_table
from tests.catalog.maintenance.history import compact_all
from tests.factories import FIRST_DAY, commit_batch, make_received

ADA = "ada0" * 8


def count(services: Services, **filters: Any) -> FacetCounts:
    view = services.reading.snapshots.view(Reference())
    return services.reading.facets.count(view, Filters(**filters))


def values(counts: FacetCounts, name: str) -> dict[str | None, int]:
    (facet,) = (each for each in counts.facets if each.name == name)
    return dict(facet.values)


@pytest.fixture
def filled(services: Services) -> Services:
    """Services of a lake with three contributions on two days."""
    rated = (Turn("Hi", "user"), Turn("Hello", "assistant", model="m", rating="positive"))
    commit_batch(
        services,
        make_received(0, source="a", conversation=rated),
        make_received(0, source="a", contributor_id=ADA),
        make_received(1),
    )
    return services


@pytest.mark.parametrize("filters", [{}, {"min_turns": 1}])
def test_sums_of_files_and_single_rows_give_the_same_counts(
    filled: Services, filters: dict[str, Any]
) -> None:
    found = count(filled, **filters)
    first, second = FIRST_DAY.date(), FIRST_DAY.date().replace(day=2)
    assert found.total == 3
    assert found.days == ((first, 2), (second, 1))
    assert values(found, "source") == {"a": 2, None: 1}
    assert values(found, "agent_id") == {"test-agent": 3}
    assert values(found, "contributor_id") == {None: 2, ADA: 1}
    assert values(found, "rating") == {None: 3, "positive": 1}
    assert values(found, "model") == {None: 3, "m": 1}


def test_only_what_is_selected_is_counted(filled: Services) -> None:
    assert count(filled, rating="positive").total == 1
    assert values(count(filled, day_from=FIRST_DAY.date().replace(day=2)), "source") == {None: 1}
    assert count(filled, source="none") == FacetCounts(
        0, (), tuple(facets.Facet(name, ()) for name in (*SUMMED, "contributor_id"))
    )


def test_counting_that_is_to_end_says_what_was_counted(filled: Services) -> None:
    view = filled.reading.snapshots.view(Reference())
    some = filled.reading.facets.count(view, Filters(min_turns=1), lambda _: False)
    newest = FIRST_DAY.date().replace(day=2)
    assert (some.total, some.days, some.since) == (1, ((newest, 1),), newest)
    assert filled.reading.facets.count(view, Filters(), lambda _: False).since is None


def test_many_uncounted_rows_are_counted_later(
    filled: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = filled.reading.snapshots.view(Reference())
    assert filled.reading.facets.is_quick(view, Filters())
    monkeypatch.setattr(facets, "_MOST_UNCOUNTED", 2)
    assert not filled.reading.facets.is_quick(view, Filters())
    filled.reading.summary_job().step()
    assert filled.reading.facets.is_quick(view, Filters())


def test_the_most_frequent_values_come_first_and_too_many_are_not_listed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sources(names: Iterable[str]) -> None:
        commit_batch(services, *(make_received(0, source=name) for name in names))

    sources("abcdefghijj")
    (facet,) = (each for each in count(services).facets if each.name == "source")
    assert facet.values[:2] == (("j", 2), ("a", 1))
    assert (len(facet.values), facet.more) == (8, 2)
    monkeypatch.setattr(facets, "_MOST_VALUES", 9)
    (facet,) = (each for each in count(services).facets if each.name == "source")
    assert (facet.values, facet.has_too_many) == ((), True)


@pytest.mark.slow
def test_counts_of_files_tell_all_unless_a_file_has_newer_rows(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "_MOST_UNCOUNTED", 1)
    first, _ = (commit_batch(services, make_received(0, source=name)) for name in "ab")
    compact_all(load_table(services.catalog))
    view = services.reading.snapshots.view(Reference(snapshot_id=first.snapshot_id))
    assert not services.reading.facets.is_quick(view, Filters())
    assert services.reading.facets.count(view, Filters()).total == 1
    services.reading.summary_job().step()
    newest = services.reading.snapshots.view(Reference())
    assert not services.reading.facets.is_quick(view, Filters())
    assert services.reading.facets.is_quick(newest, Filters())
    assert not services.reading.facets.is_quick(newest, Filters(source="a"))
