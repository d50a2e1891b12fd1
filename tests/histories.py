"""Random histories of a lake, with thinning and compaction, and a record of each commit."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event
from typing import Any

from app.background.maintenance import Maintenance
from app.services import Services
from catalog.records import Contribution, Rating, Turn
from catalog.snapshots import Snapshot
from tests.factories import FIRST_DAY, commit_batch, make_contribution, make_contribution_id

_DAYS = 3
_MAX_ROWS = 4
_CHATS = 30
_RATINGS: tuple[Rating | None, ...] = (None, "positive", "negative")
_LONG_AFTER = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Row:
    """A contribution, and the number of the commit that added it."""

    sequence_number: int
    contribution: Contribution

    @property
    def key(self) -> tuple[str | None, str]:
        """What versions have in common."""
        return self.contribution.submitter_id, self.contribution.ingest_id

    @property
    def age(self) -> tuple[int, str]:
        """What orders versions, and changes."""
        return self.sequence_number, self.contribution.contribution_id


@dataclass
class History:
    """A lake to which random contributions are committed, many of them new versions."""

    services: Services
    random: Random
    rows: list[Row] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)

    def commit(self) -> Snapshot:
        """Commit some contributions, and record them."""
        made = [self._make() for _ in range(self.random.randint(1, _MAX_ROWS))]
        snapshot = commit_batch(self.services, *made)
        self.rows += [Row(snapshot.sequence_number, contribution) for contribution in made]
        self.snapshots.append(snapshot)
        return snapshot

    def _make(self) -> Contribution:
        # Ids are drawn apart from the order of commits: clocks of several servers differ.
        number = self.random.getrandbits(48)
        fields: dict[str, Any] = {}
        if self.random.random() < 0.8:
            fields["ingest_id"] = f"chat-{self.random.randint(0, _CHATS)}"
        turns = range(self.random.randint(1, 3))
        return make_contribution(
            contribution_id=make_contribution_id(self.random.randrange(_DAYS), number),
            submitter_id=self.random.choice([None, "ada", "bob"]),
            source=self.random.choice([None, "app", "script"]),
            agent_id=self.random.choice(["m", "n"]),
            conversation=tuple(
                Turn(str(turn), rating=self.random.choice(_RATINGS)) for turn in turns
            ),
            **fields,
        )

    def maintain(self) -> None:
        """Thin or compact to some degree, or do nothing, at random."""
        chosen = self.random.random()
        closed = self.random.random() < 0.5
        open_day = FIRST_DAY + timedelta(days=self.random.randrange(_DAYS))
        service = self._maintenance(
            now=datetime.now(UTC) + _LONG_AFTER if closed else open_day,
            keep_snapshots=self.random.randint(1, 8),
            keep_hourly_snapshots=0,
            keep_daily_snapshots=0,
            compact_open_day_files=5,
            read_grace_s=0,
        )
        if chosen < 0.1:
            for _ in service.compact(Event()):
                pass
        elif chosen < 0.3:
            service.thin()

    def _maintenance(self, now: datetime, **settings: int) -> Maintenance:
        services = self.services
        return Maintenance(
            services.database,
            services.claims,
            services.catalog,
            replace(services.settings, **settings),  # type: ignore[arg-type]  # all of them are whole numbers
            clock=lambda: now,
        )

    def at(self, snapshot: Snapshot) -> list[Row]:
        """Return the rows of a snapshot."""
        return [row for row in self.rows if row.sequence_number <= snapshot.sequence_number]

    def latest(self, snapshot: Snapshot) -> dict[tuple[str | None, str], Row]:
        """Return the latest versions of a snapshot."""
        return {row.key: row for row in sorted(self.at(snapshot), key=lambda row: row.age)}
