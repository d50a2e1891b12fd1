"""Counts by group, against a record of what was committed."""

from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from app.query.counts.dimensions import DIMENSIONS, Dimension, count_batch
from app.query.counts.groups import GroupCounts
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.query.statistics.stats import ContributionStatistics
from app.services import Services
from app.state.scratch import ScratchDatabase
from catalog.columns.arrow import to_arrow
from catalog.records import Turn
from tests.batches import FEW_ROWS, ROWS, assert_row_by_row, scan_in_batches, windows
from tests.factories import FIRST_DAY, commit_batch, make_received
from tests.histories import RandomHistory, Row

COMMITS = 15
DAY = FIRST_DAY.date()
RATED = (Turn("a", "user", "positive"), Turn("b"), Turn("c", rating="positive"), Turn("d"))
Counts = dict[tuple[Any, ...], tuple[int, int]]


def count(
    services: Services,
    *by: Dimension,
    filters: Filters | None = None,
    max_groups: int = 100,
    **reference: Any,
) -> GroupCounts:
    statistics = ContributionStatistics(
        services.reading.replaced,
        services.reading.summaries,
        services.reading.contributor_sums,
        ScratchDatabase(64),
        max_groups,
        services.reading.narrowing,
    )
    return statistics.count(
        services.reading.snapshots.view(Reference(**reference)), filters or Filters(), by
    )


def groups(stats: GroupCounts) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in stats.groups.to_pylist()]


def test_an_empty_lake_has_no_groups(services: Services) -> None:
    stats = count(services, "day")
    assert (groups(stats), stats.total_groups, stats.truncated) == ([], 0, False)


def test_contributions_and_their_turns_are_counted_by_day(services: Services) -> None:
    commit_batch(services, make_received(0, "1", "2", "3"), make_received(1), make_received(0, "1"))
    assert [(day.day - DAY.day, *counts) for day, *counts in groups(count(services, "day"))] == [
        (0, 2, 4),
        (1, 1, 2),
    ]


def test_all_anonymous_contributions_are_one_group(services: Services) -> None:
    ada = make_received(0, contributor_id="ada")
    commit_batch(services, ada, make_received(0), make_received(1))
    assert groups(count(services, "contributor_id")) == [("ada", 1, 2), (None, 2, 4)]


def test_a_contribution_counts_under_each_of_its_ratings_and_a_turn_under_its_own(
    services: Services,
) -> None:
    commit_batch(services, make_received(0, conversation=RATED), make_received(0, "only"))
    assert groups(count(services, "rating")) == [("positive", 1, 2), (None, 2, 3)]


@pytest.mark.slow
def test_turns_are_counted_by_model_and_crossed_with_their_ratings(services: Services) -> None:
    turns = (Turn("a"), Turn("b", model="m"), Turn("c", rating="positive", model="m"))
    commit_batch(services, make_received(0, conversation=turns), make_received(0, "only"))
    assert groups(count(services, "model")) == [("m", 1, 2), (None, 2, 2)]
    assert groups(count(services, "rating", "model")) == [
        ("positive", "m", 1, 1),
        (None, "m", 1, 1),
        (None, None, 2, 2),
    ]
    filters = Filters(model="m")
    assert groups(count(services, "day", filters=filters)) == [(DAY, 1, 3)]


def test_several_dimensions_are_crossed_in_the_order_that_they_are_asked_for(
    services: Services,
) -> None:
    commit_batch(
        services,
        make_received(0, source="b", agent_id="m"),
        make_received(0, source="a", agent_id="n"),
        make_received(0, source="a", agent_id="m", conversation=RATED),
    )
    assert groups(count(services, "source", "agent_id")) == [
        ("a", "m", 1, 4),
        ("a", "n", 1, 2),
        ("b", "m", 1, 2),
    ]
    assert groups(count(services, "agent_id", "source", "rating"))[:2] == [
        ("m", "a", "positive", 1, 2),
        ("m", "a", None, 1, 2),
    ]


def test_only_the_largest_groups_are_returned_and_marked_truncated(services: Services) -> None:
    commit_batch(
        services,
        *(make_received(0, agent_id=agent) for agent in ("c", "b", "a", "b", "c", "c", "d")),
    )
    stats = count(services, "agent_id", max_groups=2)
    assert groups(stats) == [("b", 2, 4), ("c", 3, 6)]
    assert (stats.total_groups, stats.truncated) == (4, True)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(source="app"), [("app", 2, 6)]),
        (Filters(rating="positive"), [("app", 1, 4)]),
        (Filters(day_from=DAY, day_to=DAY), [("app", 1, 4), (None, 1, 2)]),
        (Filters(source="none"), []),
    ],
)
def test_only_selected_contributions_are_counted(
    services: Services, filters: Filters, expected: list[tuple[Any, ...]]
) -> None:
    commit_batch(
        services,
        make_received(0, source="app", conversation=RATED),
        make_received(1, source="app"),
        make_received(0),
    )
    assert groups(count(services, "source", filters=filters)) == expected


@pytest.mark.slow
def test_any_batch_is_counted_in_the_same_way() -> None:
    turns = (*RATED, Turn("e", rating="negative"))
    rows = [replace(make_received(row % 3), conversation=turns[: row % 6]) for row in range(ROWS)]
    (batch,) = to_arrow(rows).to_batches()
    assert_row_by_row(lambda rows: count_batch(rows, ["day", "source"]), batch)
    for window in windows(batch):
        expected = Counter(
            turn["rating"] for row in window.to_pylist() for turn in row["conversation"]
        )
        found: Counter[str | None] = Counter()
        for row in count_batch(window, ["rating", "agent_id"]).to_pylist():
            found[row["rating"]] += row["turns"]
        assert found == expected


def expected_counts(rows: list[Row], by: list[Dimension]) -> Counts:
    contributions: Counter[tuple[Any, ...]] = Counter()
    turns: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        per_turn: dict[Any, int] = defaultdict(int)
        for turn in row.contribution.conversation:
            rating = turn.rating if "rating" in by else ""
            per_turn[rating, turn.model if "model" in by else ""] += 1
        for (rating, model), number in per_turn.items():
            values = {
                "day": row.contribution.received_at.date(),
                "source": row.contribution.source,
                "agent_id": row.contribution.agent_id,
                "contributor_id": row.contribution.contributor_id,
                "rating": rating,
                "model": model,
            }
            group = tuple(values[name] for name in by)
            contributions[group] += 1
            turns[group] += number
    return {group: (contributions[group], turns[group]) for group in contributions}


@pytest.mark.slow
def test_every_snapshot_of_a_random_history_counts_as_it_was_recorded(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(5)  # noqa: S311  # a history, not a secret
    history = RandomHistory(services, random=random)
    for _ in range(COMMITS):
        history.commit_some()
        history.maintain()
    for snapshot in random.sample(history.snapshots, 12):
        scan_in_batches(monkeypatch, random.choice(FEW_ROWS))
        by = random.sample(DIMENSIONS, random.randint(1, len(DIMENSIONS)))
        for all_versions in (True, False):
            stats = count(
                services,
                *by,
                filters=Filters(all_versions=all_versions),
                max_groups=1_000,
                snapshot_id=snapshot.snapshot_id,
            )
            latest = history.latest(snapshot).values()
            rows = history.at(snapshot) if all_versions else list(latest)
            found = {tuple(row[:-2]): tuple(row[-2:]) for row in groups(stats)}
            assert found == expected_counts(rows, by)
