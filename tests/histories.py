"""Histories of a lake: what was committed to it, and what each snapshot must therefore hold.

This is the model, in plain Python, that tests of reading compare the lake with.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event
from typing import Any

from app.background.maintenance.results import MaintenanceResult
from app.background.maintenance.service import Maintenance
from app.query.filters import Filters
from app.services import Services
from catalog.records import Contribution, Rating, Turn
from catalog.snapshots import Snapshot
from tests.factories import FIRST_DAY, commit_batch, make_contribution, make_contribution_id

DAYS = 3
"""Number of days, from `FIRST_DAY` on, in which contributions of a history are received."""
SUBMITTERS = (None, "ada" + "0" * 29, "b0b" + "0" * 29)
SOURCES = (None, "app", "script")
AGENTS = ("m", "n")
RATINGS: tuple[Rating | None, ...] = (None, "positive", "negative")

_MAX_ROWS = 4
_CHATS = 30
_WORDS = 10
_LONG_AFTER = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Row:
    """A contribution, and the sequence number of the commit that added it."""

    sequence_number: int
    contribution: Contribution

    @property
    def key(self) -> str:
        """The ids that all versions of a conversation share."""
        return self.contribution.conversation_id

    @property
    def age(self) -> tuple[int, str]:
        """Sorts versions, and changes, from the oldest to the newest."""
        return self.sequence_number, self.contribution.contribution_id


@dataclass
class History:
    """A lake, and a record of each commit to it.

    Attributes:
        services: The services of the lake.
        rows: All rows, in the order of their commits.
        snapshots: The snapshots of the commits, oldest first.
    """

    services: Services
    rows: list[Row] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)

    def commit(self, contributions: Iterable[Contribution]) -> Snapshot:
        """Commit contributions, and record them."""
        made = list(contributions)
        snapshot = commit_batch(self.services, *made)
        self.rows += [Row(snapshot.sequence_number, contribution) for contribution in made]
        self.snapshots.append(snapshot)
        return snapshot

    def at(self, snapshot: Snapshot) -> list[Row]:
        """Return the rows of a snapshot, all versions included."""
        return [row for row in self.rows if row.sequence_number <= snapshot.sequence_number]

    def after(self, snapshot: Snapshot) -> list[Row]:
        """Return the rows that were committed after a snapshot."""
        return [row for row in self.rows if row.sequence_number > snapshot.sequence_number]

    def latest(self, snapshot: Snapshot) -> dict[str, Row]:
        """Return the latest versions of a snapshot, by their keys."""
        return {row.key: row for row in sorted(self.at(snapshot), key=lambda row: row.age)}

    def selected(self, snapshot: Snapshot, filters: Filters) -> list[Row]:
        """Return the rows of a snapshot that a reader must see, in the order of their ids."""
        rows = self.at(snapshot) if filters.all_versions else self.latest(snapshot).values()
        chosen = [row for row in rows if _meets(row.contribution, filters)]
        return sorted(chosen, key=lambda row: row.contribution.contribution_id)


@dataclass
class RandomHistory(History):
    """A lake with random commits, many of them of new versions, and random maintenance.

    Attributes:
        random: Decides over contributions and maintenance.
    """

    random: Random = field(kw_only=True)

    def commit_some(self) -> Snapshot:
        """Commit some random contributions, and record them."""
        return self.commit(self._make() for _ in range(self.random.randint(1, _MAX_ROWS)))

    def _make(self) -> Contribution:
        # Ids don't follow the order of commits, since the clocks of several servers differ.
        number = self.random.getrandbits(48)
        contributor_id = self.random.choice(SUBMITTERS)
        fields: dict[str, Any] = {}
        if self.random.random() < 0.8:
            chat = self.random.randint(0, _CHATS)
            fields["conversation_id"] = f"chat-{chat} of {contributor_id}"
        word = f"a{self.random.randrange(_WORDS)}"
        turns = range(self.random.randint(1, 3))
        return make_contribution(
            contribution_id=make_contribution_id(self.random.randrange(DAYS), number),
            contributor_id=contributor_id,
            source=self.random.choice(SOURCES),
            agent_id=self.random.choice(AGENTS),
            conversation=tuple(
                Turn(f"{word} {turn}", rating=self.random.choice(RATINGS)) for turn in turns
            ),
            **fields,
        )

    def maintain(self) -> list[MaintenanceResult]:
        """Compact now and then, thin more often, or do nothing; return what was changed."""
        chosen = self.random.random()
        days_are_closed = self.random.random() < 0.5
        open_day = FIRST_DAY + timedelta(days=self.random.randrange(DAYS))
        now = None if days_are_closed else open_day
        service = self._maintenance(now, keep_snapshots=self.random.randint(1, 8))
        if chosen < 0.1:
            return list(service.compaction.compact(Event()))
        if chosen < 0.3 and (result := service.thinning.thin()).thinned:
            return [result]
        return []

    def thin_all_but_newest(self) -> None:
        """Make all snapshots but the newest no longer live."""
        self._maintenance(None, keep_snapshots=1).thinning.thin()

    def _maintenance(self, now: datetime | None, *, keep_snapshots: int) -> Maintenance:
        """Return the maintenance of the lake, which removes at once whatever it may.

        Args:
            now: The time that it takes for the current one; None for one at which all days are
                closed.
            keep_snapshots: Number of newest snapshots that stay live.
        """
        moment = now or datetime.now(UTC) + _LONG_AFTER
        settings = replace(
            self.services.settings,
            keep_snapshots=keep_snapshots,
            keep_hourly_snapshots=0,
            keep_daily_snapshots=0,
            compact_open_day_files=5,
            read_grace_s=0,
        )
        return Maintenance(
            self.services.database,
            self.services.ingest.claims,
            self.services.catalog,
            self.services.versions.recorder,
            settings,
            clock=lambda: moment,
        )


def _meets(row: Contribution, filters: Filters) -> bool:
    """Tell whether a contribution meets all conditions."""
    day = row.received_at.date()
    return (
        (filters.day_from is None or day >= filters.day_from)
        and (filters.day_to is None or day <= filters.day_to)
        and filters.source in {None, row.source}
        and filters.contributor_id in {None, row.contributor_id}
        and filters.conversation_id in {None, row.conversation_id}
        and filters.agent_id in {None, row.agent_id}
        and (filters.rating is None or filters.rating in {turn.rating for turn in row.conversation})
        and ("contributor_id" not in filters.absent or row.contributor_id is None)
        and len(row.conversation) >= (filters.min_turns or 0)
        and (
            filters.q is None or any(filters.q.lower() in turn.content for turn in row.conversation)
        )
    )
