"""The embargo: the age from which a snapshot is public.

A snapshot is public when it and all earlier ones have that age. Clocks may be set back between two
commits, so the age of a snapshot alone doesn't tell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from app.access.errors import SnapshotNotPublic
from app.state import ledger
from catalog.snapshots import Snapshot


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
            public_from = snapshot.committed_at + self.age
            wait = public_from - self.clock()
            raise SnapshotNotPublic(snapshot.snapshot_id, public_from, wait)
