"""Contributions that no reader sees, though files may still hold them.

They are hidden by their ids, each for one or more causes, until no cause is left. Every reading
looks at the list as it is in the database at that moment: what is hidden is seen by nobody who asks
afterwards, in whatever process.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Final, Literal, get_args

import pyarrow as pa
from sqlalchemy import Connection, delete, insert, select

from app.state.db import Database, insert_missing
from app.state.list_versions import count_change, list_version
from app.state.models import HiddenContribution, ShownAgain
from app.state.parts import in_parts
from catalog.reading.membership import NO_IDS

Cause = Literal["takedown", "quarantine", "ban"]
"""Why a contribution is hidden: it is being erased, awaits a moderator, or is a banned one's."""
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)

HIDDEN_LIST: Final = "hidden"
"""Name of the list, of which each change makes a new version."""


@dataclass(frozen=True, slots=True)
class HiddenIds:
    """What is hidden for some causes.

    Attributes:
        number: The version of the list; it grows with each change.
        ids: The contribution_ids, ascending.
    """

    number: int
    ids: pa.Array


NOTHING_HIDDEN: Final = HiddenIds(0, NO_IDS)


class HiddenContributions:
    """The list of what is hidden, in the relational database."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._clock = clock
        self._reading = Lock()
        self._known: dict[frozenset[Cause], HiddenIds] = {}

    def hide(self, connection: Connection, ids: Iterable[str], cause: Cause) -> None:
        """Hide contributions for a cause; what is hidden for it already stays so.

        Args:
            connection: A transaction that writes. The contributions are hidden when it commits.
            ids: The contribution_ids, of contributions that need not be in the lake yet.
            cause: Why they are hidden.
        """
        now = self._clock()
        rows = [{"contribution_id": each, "cause": cause, "hidden_at": now} for each in ids]
        if rows:
            connection.execute(insert_missing(connection, HiddenContribution), rows)
            count_change(connection, HIDDEN_LIST)

    def show(self, connection: Connection, ids: Collection[str], cause: Cause) -> None:
        """End a cause for hiding contributions; those that aren't hidden for it are passed over.

        Those without another cause are recorded, unless they are erased: mirrors weren't given
        them.

        Args:
            connection: A transaction that writes.
            ids: The contribution_ids.
            cause: The cause that ends.
        """
        ended: list[str] = []
        for some in in_parts(sorted(ids)):
            deleting = delete(HiddenContribution).where(
                HiddenContribution.cause == cause, HiddenContribution.contribution_id.in_(some)
            )
            ended += connection.scalars(deleting.returning(HiddenContribution.contribution_id))
        count_change(connection, HIDDEN_LIST)
        if cause != "takedown":
            # The list is this transaction's now, so no other one ends or begins a cause.
            self._record_shown(connection, ended)

    def forget_shown(self, connection: Connection, ids: Collection[str]) -> None:
        """Forget that contributions were shown again, which are taken down.

        Args:
            connection: A transaction that writes.
            ids: The contribution_ids.
        """
        for some in in_parts(ids):
            connection.execute(delete(ShownAgain).where(ShownAgain.contribution_id.in_(some)))

    def _record_shown(self, connection: Connection, ids: Iterable[str]) -> None:
        column = HiddenContribution.contribution_id
        number, now = list_version(connection, HIDDEN_LIST), self._clock()
        for some in in_parts(ids):
            hidden = set(connection.scalars(select(column).where(column.in_(some))))
            rows = [
                {"number": number, "contribution_id": each, "shown_at": now}
                for each in some
                if each not in hidden
            ]
            if rows:
                connection.execute(insert(ShownAgain), rows)

    def ids(self, causes: frozenset[Cause] = frozenset(CAUSES)) -> pa.Array:
        """Return the contribution_ids of what is hidden now, ascending, as `listed` does."""
        return self.listed(causes).ids

    def listed(self, causes: frozenset[Cause] = frozenset(CAUSES)) -> HiddenIds:
        """Return what is hidden now for any of some causes, and the version of this list.

        It takes one query of one row, unless the list has changed since this process last read it.
        """
        with self._database.read() as connection:
            return self.listed_by(connection, causes)

    def listed_by(self, connection: Connection, causes: frozenset[Cause]) -> HiddenIds:
        """Return what is hidden now, as `listed` does, by a connection that is open already."""
        if not causes:
            return NOTHING_HIDDEN
        number = list_version(connection, HIDDEN_LIST)
        known = self._known.get(causes, NOTHING_HIDDEN)
        return known if known.number == number else self._read(connection, causes)

    def causes(self, contribution_id: str) -> frozenset[str]:
        """Return why a contribution is hidden; nothing if it isn't."""
        query = select(HiddenContribution.cause).where(
            HiddenContribution.contribution_id == contribution_id
        )
        with self._database.read() as connection:
            return frozenset(connection.scalars(query))

    def _read(self, connection: Connection, causes: frozenset[Cause]) -> HiddenIds:
        query = select(HiddenContribution.contribution_id).distinct()
        if causes != frozenset(CAUSES):
            query = query.where(HiddenContribution.cause.in_(causes))
        # By the caller's connection: all threads read a list that has changed, and if each needed a
        # second connection, the pool could run out of them while all wait.
        with self._reading:
            # The number is read first: a list that is newer than its number is only read again.
            number = list_version(connection, HIDDEN_LIST)
            ids = pa.array(connection.scalars(query).all(), NO_IDS.type)
            # Sorted here, since databases order text in ways of their own.
            found = self._known[causes] = HiddenIds(number, ids.sort())
            return found
