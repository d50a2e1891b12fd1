"""The register of takedowns: recording what is to be erased, and how far that is."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection, Select, func, insert, select, text, update

from app.access.takedowns.contributions import UNFINISHED, rows_of, unfinished_rows
from app.access.takedowns.records import Takedown, TakedownKind, TakenDown
from app.access.visibility.hidden import HiddenContributions
from app.state import ledger_changes
from app.state.db import Database
from app.state.models import TakedownRecord, TakenDownContribution
from app.state.parts import in_parts

LATE_AFTER: Final = timedelta(seconds=60)
"""Age from which an unfinished takedown ends what keeps it waiting, such as a build of stages."""
_COLUMNS: Final[Sequence[Any]] = (
    TakedownRecord.takedown_id,
    TakedownRecord.kind,
    TakedownRecord.identifier,
    TakedownRecord.reason,
    TakedownRecord.requested_by,
    TakedownRecord.requested_at,
    TakedownRecord.erased_at,
)


class Takedowns:
    """The takedowns of a lake."""

    def __init__(
        self,
        database: Database,
        hidden: HiddenContributions,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._hidden = hidden
        self._clock = clock

    def record(
        self,
        kind: TakedownKind,
        identifier: str,
        rows: Iterable[TakenDown],
        *,
        reason: str | None,
        requested_by: str,
    ) -> Takedown:
        """Record a takedown and hide its contributions, in one transaction.

        Args:
            kind: What the identifier names.
            identifier: A contribution_id, conversation_id or contributor_id.
            rows: The contributions. Those that an earlier takedown names stay with that one.
            reason: Why, in the words of who asked; None to give no reason.
            requested_by: Who asks.
        """
        named = {identifier: rows}
        (takedown,) = self.record_all(kind, named, reason=reason, requested_by=requested_by)
        return takedown

    def record_all(
        self,
        kind: TakedownKind,
        named: Mapping[str, Iterable[TakenDown]],
        *,
        reason: str | None,
        requested_by: str,
    ) -> list[Takedown]:
        """Record a takedown for each of some identifiers, as `record` does, all of them or none.

        Args:
            kind: What the identifiers name.
            named: The contributions of each identifier.
            reason: Why, in the words of who asked; None to give no reason.
            requested_by: Who asks.
        """
        values: dict[str, Any] = {
            "kind": kind,
            "reason": reason,
            "requested_by": requested_by,
            "requested_at": self._clock(),
            "erased_at": None,
        }
        given = {name: {row.contribution_id: row for row in rows} for name, rows in named.items()}
        takedowns: list[Takedown] = []
        hidden: list[str] = []
        with self._database.write() as connection:
            _lock(connection)
            known = {
                row.contribution_id
                for row in rows_of(connection, {each for rows in given.values() for each in rows})
            }
            for identifier, rows in given.items():
                added = insert(TakedownRecord).values(identifier=identifier, **values)
                takedown_id = connection.execute(
                    added.returning(TakedownRecord.takedown_id)
                ).scalar_one()
                takedowns.append(Takedown(takedown_id=takedown_id, identifier=identifier, **values))
                first_named = [row for each, row in rows.items() if each not in known]
                if first_named:
                    connection.execute(
                        insert(TakenDownContribution),
                        [asdict(row) | {"takedown_id": takedown_id} for row in first_named],
                    )
                hidden += [row.contribution_id for row in first_named]
                known.update(rows)
            self._hidden.hide(connection, hidden, "takedown")
        return takedowns

    def find(self, takedown_id: int) -> Takedown | None:
        """Return the takedown with an id; None when there is none."""
        found = self._select(_takedowns().where(TakedownRecord.takedown_id == takedown_id))
        return found[0] if found else None

    def of(self, kind: TakedownKind, identifier: str) -> Takedown | None:
        """Return the newest takedown that was asked for by an identifier; None without one.

        A contribution may also have been taken down with its conversation or its contributor: then
        that takedown is returned.
        """
        found = self._select(
            _takedowns(newest_first=True)
            .where(TakedownRecord.kind == kind, TakedownRecord.identifier == identifier)
            .limit(1)
        )
        if not found and kind == "contribution":
            owner = select(TakenDownContribution.takedown_id).where(
                TakenDownContribution.contribution_id == identifier
            )
            found = self._select(_takedowns().where(TakedownRecord.takedown_id.in_(owner)))
        return found[0] if found else None

    def newest(self, limit: int) -> list[Takedown]:
        """Return the newest takedowns, newest first."""
        return self._select(_takedowns(newest_first=True).limit(limit))

    def requested_by(self, requested_by: str, limit: int) -> list[Takedown]:
        """Return the newest takedowns that somebody asked for, newest first.

        Args:
            requested_by: Who asked, as `requester` and the names of API keys have it.
            limit: Most takedowns to return.
        """
        query = _takedowns(newest_first=True).where(TakedownRecord.requested_by == requested_by)
        return self._select(query.limit(limit))

    def unfinished(self) -> list[Takedown]:
        """Return the takedowns that aren't erased yet, oldest first."""
        return self._select(_takedowns().where(UNFINISHED))

    def is_late(self) -> bool:
        """Tell whether a takedown has waited so long that it comes before all other work."""
        query = select(func.min(TakedownRecord.requested_at)).where(UNFINISHED)
        with self._database.read() as connection:
            oldest = connection.scalar(query)
        return oldest is not None and self._clock() - oldest > LATE_AFTER

    def count_off(self, erased_ids: pa.Array) -> None:
        """Take contributions that were erased off the counts in the ledger, each once.

        Args:
            erased_ids: The contribution_ids of whole takedowns.
        """
        erased = set(erased_ids.to_pylist())
        with self._database.write() as connection:
            rows = connection.execute(
                unfinished_rows().where(TakedownRecord.is_counted.is_(False))
            ).all()
            counted = [row for row in rows if row.contribution_id in erased]
            numbers = Counter(row.sequence_number for row in counted)
            numbers.pop(None, None)
            ledger_changes.subtract(connection, numbers)
            for takedown_id in {row.takedown_id for row in counted}:
                connection.execute(
                    update(TakedownRecord)
                    .where(TakedownRecord.takedown_id == takedown_id)
                    .values(is_counted=True)
                )

    def finish(self, takedowns: Collection[Takedown]) -> None:
        """Record that takedowns are erased: nothing of them is left to hide."""
        now = self._clock()
        for some in in_parts(takedown.takedown_id for takedown in takedowns):
            of_them = TakenDownContribution.takedown_id.in_(some)
            # The database was written anew before: nothing else cleans the pages that become free.
            with self._database.write_erasing() as connection:
                # Takedowns first, as `record_all` does: on PostgreSQL, two transactions that lock
                # them and the list of what is hidden in different orders wait for each other.
                connection.execute(
                    update(TakedownRecord)
                    .where(TakedownRecord.takedown_id.in_(some), UNFINISHED)
                    .values(erased_at=now)
                )
                ids = connection.scalars(
                    select(TakenDownContribution.contribution_id).where(of_them)
                ).all()
                self._hidden.show(connection, ids, "takedown")
        self._database.checkpoint(kept_bytes=0)

    def _select(self, query: Select[Any]) -> list[Takedown]:
        with self._database.read() as connection:
            return [Takedown(**row) for row in connection.execute(query).mappings()]


def _takedowns(*, newest_first: bool = False) -> Select[Any]:
    number = TakedownRecord.takedown_id
    return select(*_COLUMNS).order_by(number.desc() if newest_first else number)


def _lock(connection: Connection) -> None:
    """Keep other transactions from recording until this one has ended; SQLite does so itself.

    Otherwise a takedown could become visible after one with a higher id.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("LOCK TABLE takedowns IN EXCLUSIVE MODE"))
