"""Every snapshot of a long random history reads as it was recorded, after it was thinned."""

from collections.abc import Sequence
from random import Random
from typing import Any
from uuid import UUID

import pytest

from app.background.maintenance.results import CompactionResult, ThinningResult
from app.query.contributions.reader import ContributionNotFound
from app.query.filters import Filters
from app.query.snapshots import Reference, SnapshotView
from app.services import Services
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.app.query.pages import read_in_pages
from tests.factories import FIRST_DAY
from tests.histories import RandomHistory, Row

SNAPSHOTS = 100
MAINTAINED_PER_COMMIT = 2
COLUMNS = ["contribution_id", "sequence_number"]
SELECTIONS: Sequence[dict[str, Any]] = (
    {"contributor_id": "ada"},
    {"absent": frozenset({"contributor_id"})},
    {"day_from": FIRST_DAY.date(), "day_to": FIRST_DAY.date()},
    {"q": "A7"},
    {"rating": "positive"},
    {"min_turns": 2},
    {"all_versions": True},
)


@pytest.fixture
def history(services: Services) -> RandomHistory:
    """A history at whose end only the newest snapshot is live."""
    random = Random(7)  # noqa: S311  # a history, not a secret
    made, results = RandomHistory(services, random=random), list[type]()
    for _ in range(SNAPSHOTS):
        made.commit_some()
        for _ in range(MAINTAINED_PER_COMMIT):
            results += map(type, made.maintain())
    made.thin_all_but_newest()
    assert results.count(ThinningResult) > 20
    assert results.count(CompactionResult) > 20
    assert len(load_table(services.catalog).metadata.snapshots) == 1
    return made


@pytest.mark.slow
def test_every_snapshot_reads_as_it_was_recorded(
    services: Services, history: RandomHistory
) -> None:
    # In random order: otherwise, what is cached for one snapshot would help the next.
    for number in history.random.sample(range(SNAPSHOTS), SNAPSHOTS):
        snapshot = history.snapshots[number]
        view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
        for selection in ({}, SELECTIONS[number % len(SELECTIONS)]):
            filters = Filters(**selection)
            expected = [recorded(row) for row in history.selected(snapshot, filters)]
            assert sorted(streamed(services, view, filters)) == expected, (number, filters)
        assert services.reading.contributions.count(view, filters) == len(expected), (
            number,
            filters,
        )
        newest_first = number % 2 == 1
        size = 1 + len(expected) // 2
        pages = read_in_pages(services, view, filters, size, COLUMNS, newest_first=newest_first)
        found = list(map(as_found, pages))
        assert found == (expected[::-1] if newest_first else expected), (number, filters)
        look_up(services, view, history, snapshot)


def streamed(services: Services, view: SnapshotView, filters: Filters) -> list[tuple[str, int]]:
    batches = services.reading.contributions.stream(view, filters, COLUMNS)
    return [as_found(row) for batch in batches for row in batch.to_pylist()]


def look_up(
    services: Services, view: SnapshotView, history: RandomHistory, snapshot: Snapshot
) -> None:
    """Look for a contribution of the snapshot, and for one of a later snapshot."""
    row = history.random.choice(history.at(snapshot))
    found = services.reading.contributions.get(view, UUID(row.contribution.contribution_id))
    assert as_found(found.to_pylist()[0]) == recorded(row)
    if later := history.after(snapshot):
        missing = history.random.choice(later).contribution.contribution_id
        with pytest.raises(ContributionNotFound):
            services.reading.contributions.get(view, UUID(missing))


def recorded(row: Row) -> tuple[str, int]:
    return row.contribution.contribution_id, row.sequence_number


def as_found(row: dict[str, Any]) -> tuple[str, int]:
    return row["contribution_id"], row["sequence_number"]
