"""The embargo: the age from which a snapshot is public.

A snapshot is public when it and all earlier ones have that age. Clocks may be set back between two
commits, so the age of a snapshot alone doesn't tell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from app.access.errors import SnapshotNotPublic
from app.state import ledger
from catalog.snapshots import Snapshot

_LAST_TIME: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Embargo:
    """Tells which snapshots are public by now.

    Attributes:
        age: The age from which a snapshot is public; zero while there is no embargo.
        clock: Returns the time.
    """

    age: timedelta
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def public_until(self) -> datetime | None:
        """Return the time of the youngest commit that is public now; None without an embargo."""
        return self.clock() - self.age if self.age else None

    def first_young(self, connection: Connection) -> int | None:
        """Return the lowest sequence number that isn't public; None when all snapshots are.

        Args:
            connection: A connection to the database with the ledger.
        """
        until = self.public_until()
        return None if until is None else ledger.first_after(connection, until)

    def check(self, connection: Connection, snapshot: Snapshot) -> None:
        """Check that a snapshot is public.

        Args:
            connection: A connection to the database with the ledger.
            snapshot: A snapshot of the ledger.

        Raises:
            SnapshotNotPublic: It isn't.
        """
        young = self.first_young(connection)
        if young is not None and snapshot.sequence_number >= young:
            raise self._refusal(f"snapshot {snapshot.snapshot_id}", snapshot.committed_at)

    def check_time(self, moment: datetime) -> None:
        """Check that the lake as of a time is public, whether or not it has changed since then.

        If a time were refused only where there are young snapshots, the refusal would tell when
        they were committed.

        Args:
            moment: The time, in UTC; it may lie in the future.

        Raises:
            SnapshotNotPublic: The time is younger than the embargo.
        """
        until = self.public_until()
        if until is not None and moment > until:
            raise self._refusal(f"the lake as of {moment.isoformat()}", moment)

    def _refusal(self, what: str, moment: datetime) -> SnapshotNotPublic:
        # Times near the end of the year 9999 have no later ones to wait for.
        public_from = min(moment, _LAST_TIME - self.age) + self.age
        return SnapshotNotPublic(what, public_from, public_from - self.clock())
