"""What no stage holds: contributions, and everything of contributors, that the operator suppressed.

The raw table keeps them. What is computed afterwards has no trace of them.
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
from catalog.membership import ID, NO_IDS
from catalog.scan import plan, read

Kind = Literal["contribution", "contributor"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """A contribution or a contributor that is suppressed.

    Attributes:
        kind: Which of the two.
        identifier: Its contribution_id, or the contributor's submitter_id.
        reason: Why, in the operator's words; None when they gave none.
        suppressed_at: Since when.
    """

    kind: Kind
    identifier: str
    reason: str | None
    suppressed_at: datetime


class Suppressions:
    """Keeps what is suppressed in the relational database."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._clock = clock

    def add(self, kind: Kind, identifiers: Sequence[str], reason: str | None = None) -> int:
        """Suppress some, all of them or none; return how many weren't before.

        Those of a contributor are all that they sent and will send. One that is suppressed already
        keeps its reason.
        """
        now = self._clock()
        rows = [
            {"kind": kind, "identifier": each, "reason": reason, "suppressed_at": now}
            for each in dict.fromkeys(identifiers)
        ]
        with self._database.write() as connection:
            statement = insert_missing(connection, Suppression)
            return sum(connection.execute(statement, row).rowcount for row in rows)

    def lift(self, kind: Kind, identifiers: Sequence[str]) -> None:
        """Have later builds hold some again, all of them or none.

        Raises:
            NotSuppressed: Some aren't suppressed.
        """
        of_kind = Suppression.kind == kind
        with self._database.write() as connection:
            known = set(connection.scalars(select(Suppression.identifier).where(of_kind)))
            if unknown := [each for each in identifiers if each not in known]:
                raise NotSuppressed(kind, unknown)
            connection.execute(
                delete(Suppression).where(of_kind, Suppression.identifier.in_(identifiers))
            )

    def all(self) -> list[Suppressed]:
        """Return everything that is suppressed, by kind and identifier."""
        query = select(Suppression.__table__).order_by(Suppression.kind, Suppression.identifier)
        with self._database.read() as connection:
            return [Suppressed(**row) for row in connection.execute(query).mappings()]

    def of(self, contribution_id: str, submitter_id: str | None) -> tuple[Suppressed, ...]:
        """Return by which entries a contribution of a contributor is suppressed."""
        names = ("contribution", contribution_id), ("contributor", submitter_id)
        return tuple(each for each in self.all() if (each.kind, each.identifier) in names)

    def suppressed_in(self, view: SnapshotView) -> pa.Array:
        """Return the contribution_ids of a view that are suppressed now, ascending.

        Contributions that are suppressed by themselves are among them whether or not the view has
        them. A view of an empty lake has none.
        """
        if view.snapshot is None:
            return NO_IDS
        suppressed = self.all()
        ids = [each.identifier for each in suppressed if each.kind == "contribution"]
        contributors = [each.identifier for each in suppressed if each.kind == "contributor"]
        found = [pa.array(ids, NO_IDS.type)]
        if contributors:
            of_contributors = In("submitter_id", contributors)
            files = plan(view.table, view.snapshot, of_contributors)
            found += [batch.column(0) for batch in read(view.table, files, [ID], of_contributors)]
        return pc.unique(pa.concat_arrays(found)).sort()
