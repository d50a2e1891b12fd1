"""Finding the snapshot that a reader refers to, and the table as of that snapshot."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import BooleanExpression
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from sqlalchemy import Connection

from app.access.visibility.audience import PUBLIC, Audience
from app.access.visibility.embargo import Embargo
from app.access.visibility.hidden import HiddenContributions
from app.query.growth import Growth, read_growth
from app.state import ledger
from app.state.db import Database
from catalog.errors import SnapshotNotFound
from catalog.reading.membership import NO_IDS
from catalog.reading.plans import BEFORE_EVERY_COMMIT, EVERY_ROW, DataFile, plan
from catalog.snapshots import Snapshot, is_hold, tagged_snapshot_id
from catalog.table import load_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A reference to a snapshot, by its id, a tag or a time.

    At most one of the attributes is set. A reference without any means the newest snapshot.

    Attributes:
        snapshot_id: The snapshot's id.
        tag: The name of a release, or of a tag that another program gave a snapshot of the table.
        as_of: A time; the snapshot is the one with the highest sequence number of those that were
            committed by then.
    """

    snapshot_id: int | None = None
    tag: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """The table as of one snapshot.

    Attributes:
        table: The table of contributions, loaded after the snapshot was committed.
        snapshot: The snapshot; None while the lake is empty.
        hidden: The ids of contributions that the reader may not see, ascending; they may be in the
            files, and count as versions.
    """

    table: Table
    snapshot: Snapshot | None
    hidden: pa.Array = field(default_factory=lambda: NO_IDS)
    _planned: dict[str, tuple[DataFile, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def files(self, condition: BooleanExpression = EVERY_ROW) -> list[DataFile]:
        """Return the data files that may hold rows that meet a condition, oldest day first."""
        if self.snapshot is None:
            return []
        # A page, its counts and its facets ask for the same files one after the other.
        key = repr(condition)
        if key not in self._planned:
            self._planned[key] = tuple(plan(self.table, self.snapshot, condition))
        return list(self._planned[key])


class Snapshots:
    """Finds the snapshots of the lake in the ledger, by releases and by the tags of the table."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        hidden: HiddenContributions,
        embargo: Embargo,
    ) -> None:
        """Find snapshots.

        Args:
            database: The database with the ledger.
            catalog: Returns the Iceberg catalog; called whenever the table is needed.
            hidden: Knows which contributions are hidden.
            embargo: Knows which snapshots are public.
        """
        self._database = database
        self._catalog = catalog
        self._hidden = hidden
        self._embargo = embargo

    def view(self, reference: Reference, audience: Audience = PUBLIC) -> SnapshotView:
        """Return the table as of the snapshot that a reference names.

        Args:
            reference: The reference; without anything it means the newest snapshot that the
                audience may see.
            audience: Whom the table is read for.

        Raises:
            SnapshotNotFound: No snapshot has the id, or none was committed by the time.
            TagNotFound: No snapshot has the tag.
            SnapshotNotPublic: The audience may not see the snapshot yet.
        """
        named = self._named(reference)
        with self._database.read() as connection:
            snapshot = self._find(connection, named, audience)
            # After the snapshot was found: what was hidden before its commit is hidden then.
            hidden = self._hidden.listed_by(connection, audience.hidden_for)
        # The table is loaded after the ledger was read, so that it contains the snapshot.
        return SnapshotView(self.table(), snapshot, hidden.ids)

    def find(self, reference: Reference, audience: Audience = PUBLIC) -> Snapshot:
        """Return the snapshot that a reference names, without its table.

        Raises:
            SnapshotNotFound: No snapshot has the id, or none was committed by the time or at all.
            TagNotFound: No snapshot has the tag.
            SnapshotNotPublic: The audience may not see the snapshot yet.
        """
        named = self._named(reference)
        with self._database.read() as connection:
            snapshot = self._find(connection, named, audience)
        if snapshot is None:
            raise SnapshotNotFound("now", "the lake is empty")
        return snapshot

    def find_public(self, reference: Reference) -> Snapshot | None:
        """Return the snapshot to build something public of.

        Returns:
            The snapshot; None while no snapshot is public.

        Raises:
            SnapshotNotFound: No snapshot has the id, or none was committed by the time.
            TagNotFound: No snapshot has the tag.
            SnapshotNotPublic: The snapshot is younger than the embargo.
        """
        named = self._named(reference)
        with self._database.read() as connection:
            return self._find(connection, named, PUBLIC)

    def page(self, limit: int, before: int | None, audience: Audience = PUBLIC) -> list[Snapshot]:
        """Return a page of the snapshots that an audience may see, newest first.

        Args:
            limit: The largest number of snapshots to return.
            before: The sequence number below which the page begins; None begins with the newest.
            audience: Whom the list is for.
        """
        with self._database.read() as connection:
            bounds = [before, self._first_unseen(connection, audience)]
            known = [bound for bound in bounds if bound is not None]
            return ledger.page(connection, limit, min(known, default=None))

    def growth(self, audience: Audience = PUBLIC) -> Growth:
        """Return the growth of the lake as far as an audience may see it."""
        with self._database.read() as connection:
            return read_growth(connection, self._first_unseen(connection, audience))

    def next_after(self, snapshot: Snapshot, audience: Audience = PUBLIC) -> Snapshot | None:
        """Return the snapshot after another one; None when the audience may see none."""
        with self._database.read() as connection:
            first_unseen = self._first_unseen(connection, audience)
            found = ledger.first_from(connection, snapshot.sequence_number + 1)
        if found is None or first_unseen is None or found.sequence_number < first_unseen:
            return found
        return None

    def tags(self, snapshot: Snapshot) -> list[str]:
        """Return the tags that a snapshot has in the table, by name."""
        refs = self.table().metadata.refs.items()
        return sorted(
            name
            for name, ref in refs
            if ref.snapshot_id == snapshot.snapshot_id
            and ref.snapshot_ref_type is SnapshotRefType.TAG
            and not is_hold(name)
        )

    def spread(self, most: int, audience: Audience = PUBLIC) -> list[Snapshot]:
        """Return snapshots that are evenly spread over the history, oldest first.

        The first and the last that an audience may see are among them.

        Args:
            most: The largest number of snapshots to return, which is at least 2.
            audience: Whom the list is for.
        """
        with self._database.read() as connection:
            last = ledger.newest(connection, before=self._first_unseen(connection, audience))
            first = ledger.first_from(connection, BEFORE_EVERY_COMMIT)
            if last is None or first is None:
                return []
            span = last.sequence_number - first.sequence_number
            steps = {first.sequence_number + span * step // (most - 1) for step in range(most)}
            found = ledger.by_sequence_numbers(connection, steps)
        return [found[number] for number in sorted(found)]

    def hidden(self, audience: Audience) -> pa.Array:
        """Return the ids of the contributions that are hidden from an audience now, ascending."""
        return self._hidden.ids(audience.hidden_for)

    def table(self) -> Table:
        """Return the table of contributions as it is now.

        Raises:
            TableNotFound: The migrations have not been run.
        """
        return load_table(self._catalog())

    def _named(self, reference: Reference) -> Reference:
        """Return a reference by an id in the place of one by a tag."""
        if reference.tag is None:
            return reference
        with self._database.read() as connection:
            released = ledger.by_release(connection, reference.tag)
        if released is not None:
            return Reference(snapshot_id=released.snapshot_id)
        return Reference(snapshot_id=tagged_snapshot_id(self.table(), reference.tag))

    def _find(
        self, connection: Connection, reference: Reference, audience: Audience
    ) -> Snapshot | None:
        """Return the snapshot of an id or a time; None for now, while there is none."""
        if reference.snapshot_id is not None:
            snapshot = ledger.by_id(connection, reference.snapshot_id)
        elif reference.as_of is not None:
            if not audience.sees_young:
                self._embargo.check_time(reference.as_of)
            snapshot = ledger.as_of(connection, reference.as_of)
        else:
            return ledger.newest(connection, before=self._first_unseen(connection, audience))
        if snapshot is None:
            if reference.as_of is not None:
                why = "nothing was committed by then"
                raise SnapshotNotFound(reference.as_of.isoformat(), why)
            raise SnapshotNotFound(reference.snapshot_id)
        if not audience.sees_young:
            self._embargo.check(connection, snapshot)
        return snapshot

    def _first_unseen(self, connection: Connection, audience: Audience) -> int | None:
        return None if audience.sees_young else self._embargo.first_young(connection)
