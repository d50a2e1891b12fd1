"""Contributions and contributors that the operator suppressed: no stage holds them.

The raw table keeps them. A stage that is computed afterwards has no trace of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import In
from sqlalchemy import delete, select

from app.curation.errors import NotSuppressed
from app.query.snapshots import SnapshotView
from app.state.db import Database, insert_missing
from app.state.models import Suppression
from catalog.membership import NO_IDS
from catalog.scan import plan, read
from catalog.schema import ID

SuppressionKind = Literal["contribution", "contributor"]
SUPPRESSION_KINDS: Final[tuple[SuppressionKind, ...]] = get_args(SuppressionKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """A contribution or a contributor that is suppressed.

    Attributes:
        kind: Whether it is a contribution or a contributor.
        identifier: The contribution_id, or the contributor_id.
        reason: Why, in the operator's words; None when they gave no reason.
        suppressed_at: When it was suppressed.
    """

    kind: SuppressionKind
    identifier: str
    reason: str | None
    suppressed_at: datetime


class Suppressions:
    """The list of what is suppressed, in the relational database."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._clock = clock

    def add(
        self, kind: SuppressionKind, identifiers: Sequence[str], reason: str | None = None
    ) -> int:
        """Suppress contributions or contributors, all of them or none.

        Of a contributor, all contributions are suppressed, also those that they will send. What is
        suppressed already keeps its reason.

        Args:
            kind: Whether contributions or contributors are suppressed.
            identifiers: The contribution_ids or the submitter_ids.
            reason: The reason in the operator's words; None to give no reason.

        Returns:
            The number of identifiers that weren't suppressed before.
        """
        now = self._clock()
        rows = [
            {"kind": kind, "identifier": identifier, "reason": reason, "suppressed_at": now}
            for identifier in dict.fromkeys(identifiers)
        ]
        with self._database.write() as connection:
            statement = insert_missing(connection, Suppression)
            return sum(connection.execute(statement, row).rowcount for row in rows)

    def lift(self, kind: SuppressionKind, identifiers: Sequence[str]) -> None:
        """Take identifiers off the list, all of them or none, so that later builds hold them again.

        Raises:
            NotSuppressed: Some of them aren't suppressed.
        """
        of_kind = Suppression.kind == kind
        with self._database.write() as connection:
            known = set(connection.scalars(select(Suppression.identifier).where(of_kind)))
            if unknown := [name for name in identifiers if name not in known]:
                raise NotSuppressed(kind, unknown)
            connection.execute(
                delete(Suppression).where(of_kind, Suppression.identifier.in_(identifiers))
            )

    def entries(self) -> list[Suppressed]:
        """Return everything that is suppressed, in the order of kind and identifier."""
        query = select(Suppression.__table__).order_by(Suppression.kind, Suppression.identifier)
        with self._database.read() as connection:
            return [Suppressed(**row) for row in connection.execute(query).mappings()]

    def entries_of(
        self, contribution_id: str, contributor_id: str | None
    ) -> tuple[Suppressed, ...]:
        """Return the entries that suppress a contribution.

        Args:
            contribution_id: The contribution.
            contributor_id: The contributor who sent it; None when they are anonymous.
        """
        names = ("contribution", contribution_id), ("contributor", contributor_id)
        return tuple(entry for entry in self.entries() if (entry.kind, entry.identifier) in names)

    def suppressed_in(self, view: SnapshotView) -> pa.Array:
        """Return the contribution_ids of a view that are suppressed now, ascending.

        Contributions that are suppressed one by one are included even if the view doesn't have
        them. For a view of an empty lake the result is empty.
        """
        if view.snapshot is None:
            return NO_IDS
        entries = self.entries()
        ids = [entry.identifier for entry in entries if entry.kind == "contribution"]
        contributors = [entry.identifier for entry in entries if entry.kind == "contributor"]
        found = [pa.array(ids, NO_IDS.type)]
        if contributors:
            of_contributors = In("contributor_id", contributors)
            files = plan(view.table, view.snapshot, of_contributors)
            found += [batch.column(0) for batch in read(view.table, files, [ID], of_contributors)]
        return pc.unique(pa.concat_arrays(found)).sort()
