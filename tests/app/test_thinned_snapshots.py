"""Every snapshot of a long random history reads as it did on its day, by a record kept beside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from app.background.maintenance import Maintenance, ThinningResult
from app.query.contributions import ContributionNotFound
from app.query.filters import Filters
from app.query.snapshots import Reference, SnapshotView
from app.services import Services
from catalog.records import Contribution, Turn
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.factories import FIRST_DAY, commit_batch, make_contribution, make_contribution_id

SNAPSHOTS = 200
DAYS = 3
COLUMNS = ["contribution_id", "sequence_number"]
SELECTIONS: Sequence[dict[str, Any]] = (
    {"submitter_id": "ada"},
    {"absent": frozenset({"submitter_id"})},
    {"day_from": FIRST_DAY.date(), "day_to": FIRST_DAY.date()},
    {"q": "A7"},
    {"rating": "positive"},
    {"min_turns": 2},
    {"all_versions": True},
)


@dataclass(frozen=True, slots=True)
class Row:
    """A contribution, and the number of the commit that added it."""

    sequence_number: int
    contribution: Contribution

    @property
    def as_read(self) -> tuple[str, int]:
        """What the readers of this test look at."""
        return self.contribution.contribution_id, self.sequence_number


class History:
    """Random commits with replacements, and a record of what each snapshot holds."""

    def __init__(self, services: Services, random: Random) -> None:
        self.services = services
        self.random = random
        self.rows: list[Row] = []
        self.at: dict[int, int] = {}
        self.snapshots: list[Snapshot] = []

    def commit(self) -> None:
        """Commit some contributions, and record them."""
        made = [self._make() for _ in range(self.random.randint(1, 3))]
        snapshot = commit_batch(self.services, *made)
        self.rows += [Row(snapshot.sequence_number, contribution) for contribution in made]
        self.snapshots.append(snapshot)
        self.at[snapshot.snapshot_id] = len(self.rows)

    def _make(self) -> Contribution:
        # Ids are drawn apart from the order of commits: clocks of several servers differ.
        number = self.random.getrandbits(48)
        text = f"a{self.random.randrange(10)}"
        turn = Turn(text, rating="positive" if self.random.random() < 0.5 else None)
        return make_contribution(
            contribution_id=make_contribution_id(self.random.randrange(DAYS), number),
            ingest_id=f"chat-{self.random.randint(0, 30)}",
            submitter_id=self.random.choice([None, "ada", "bob"]),
            conversation=(turn,) * self.random.randint(1, 3),
        )

    def expected(self, snapshot: Snapshot, filters: Filters) -> list[tuple[str, int]]:
        """Return what the record has of a snapshot, in the order of ids."""
        rows = self.rows[: self.at[snapshot.snapshot_id]]
        by_age = sorted(rows, key=lambda row: row.as_read[::-1])
        latest = {
            (row.contribution.submitter_id, row.contribution.ingest_id): row for row in by_age
        }
        seen = rows if filters.all_versions else latest.values()
        return sorted(row.as_read for row in seen if meets(row.contribution, filters))


def meets(row: Contribution, filters: Filters) -> bool:
    """Tell in plain Python whether a row is selected."""
    return (
        filters.submitter_id in {None, row.submitter_id}
        and (not filters.absent or row.submitter_id is None)
        and filters.day_from in {None, row.received_at.date()}
        and (
            filters.q is None or any(filters.q.lower() in turn.content for turn in row.conversation)
        )
        and (filters.rating is None or row.conversation[0].rating == filters.rating)
        and len(row.conversation) >= (filters.min_turns or 0)
    )


def maintenance(
    services: Services, now: datetime | None = None, *, keep_snapshots: int
) -> Maintenance:
    """Return a maintenance that takes away whatever it may, at once."""
    moment = now or datetime.now(UTC) + timedelta(hours=3)
    settings = replace(
        services.settings,
        keep_hourly_snapshots=0,
        keep_daily_snapshots=0,
        compact_open_day_files=5,
        read_grace_s=0,
        keep_snapshots=keep_snapshots,
    )
    return Maintenance(
        services.database, services.claims, services.catalog, settings, clock=lambda: moment
    )


def maintain_at_random(services: Services, random: Random) -> Iterator[str]:
    """Compact now and then, days that are closed and such that still grow, and thin more often."""
    chosen = random.random()
    closed = random.random() < 0.5
    now = None if closed else FIRST_DAY + timedelta(days=random.randrange(DAYS))
    service = maintenance(services, now, keep_snapshots=random.randint(1, 8))
    if chosen < 0.1:
        yield from (type(result).__name__ for result in service.compact(Event()))
    elif chosen < 0.3 and service.thin().thinned:
        yield ThinningResult.__name__


@pytest.fixture
def history(services: Services) -> History:
    """A history at whose end one snapshot is live."""
    random = Random(7)  # noqa: S311  # a history, not a secret
    made, done = History(services, random), list[str]()
    for _ in range(SNAPSHOTS):
        made.commit()
        done += maintain_at_random(services, random)
    maintenance(services, keep_snapshots=1).thin()
    assert done.count("ThinningResult") > 20
    assert done.count("CompactionResult") > 20
    assert len(load_table(services.catalog).metadata.snapshots) == 1
    return made


def test_every_snapshot_reads_as_it_was_recorded(services: Services, history: History) -> None:
    # Not in the order of time, in which what is remembered of one would help the next.
    for number in history.random.sample(range(SNAPSHOTS), SNAPSHOTS):
        snapshot = history.snapshots[number]
        view = services.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
        for selection in ({}, SELECTIONS[number % len(SELECTIONS)]):
            filters = Filters(**selection)
            expected = history.expected(snapshot, filters)
            assert sorted(streamed(services, view, filters)) == expected, (number, filters)
        assert services.contributions.count(view, filters) == len(expected), (number, filters)
        newest_first = number % 2 == 1
        found = paged(services, view, filters, 1 + len(expected) // 2, newest_first=newest_first)
        assert found == (expected[::-1] if newest_first else expected), (number, filters)
        look_up(services, view, history)


def streamed(services: Services, view: SnapshotView, filters: Filters) -> list[tuple[str, int]]:
    batches = services.contributions.stream(view, filters, COLUMNS)
    return [as_found(row) for batch in batches for row in batch.to_pylist()]


def paged(
    services: Services, view: SnapshotView, filters: Filters, limit: int, *, newest_first: bool
) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    after: str | None = None
    while True:
        page = services.contributions.page(
            view, filters, limit, after, COLUMNS, newest_first=newest_first
        )
        found += map(as_found, page.rows.to_pylist())
        after = page.last_id
        if after is None:
            return found


def look_up(services: Services, view: SnapshotView, history: History) -> None:
    """Look for a contribution of the snapshot, and for one of a later one."""
    assert view.snapshot is not None
    there = history.at[view.snapshot.snapshot_id]
    row = history.random.choice(history.rows[:there])
    found = services.contributions.get(view, UUID(row.contribution.contribution_id))
    assert as_found(found.to_pylist()[0]) == row.as_read
    if later := history.rows[there:]:
        missing = history.random.choice(later).contribution.contribution_id
        with pytest.raises(ContributionNotFound):
            services.contributions.get(view, UUID(missing))


def as_found(row: dict[str, Any]) -> tuple[str, int]:
    return row["contribution_id"], row["sequence_number"]
