"""The log of moderation: who decided what, when and why. It is only appended to.

Triggers of the database, which `migrations.sql` makes, refuse to change or delete an entry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from sqlalchemy import Connection, insert, select

from app.access.takedowns.records import TakedownKind
from app.state.db import Database
from app.state.models import ModerationLogEntry

Action = Literal["quarantine", "approve", "reject", "ban", "unban", "takedown"]
"""What was decided."""
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


SERVICE: Final = "service:"
"""How the names of those begin who aren't people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A decision.

    Attributes:
        entry_id: The id of the entry; a later entry has a higher one.
        decided_at: When it was decided.
        actor: Who decided: the name of an API key, `cli:` and a user of the machine, or `service:`
            and a part of the service that acts by itself. No key's name has a colon.
        action: What was decided.
        kind: What the identifier names.
        identifier: A contribution_id, conversation_id or contributor_id.
        reason: Why, in the words of who decided; None when they gave no reason.
    """

    entry_id: int
    decided_at: datetime
    actor: str
    action: Action
    kind: TakedownKind
    identifier: str
    reason: str | None


class ModerationLog:
    """The log of a lake, in the relational database."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._clock = clock

    def write(
        self,
        connection: Connection,
        action: Action,
        kind: TakedownKind,
        identifiers: Sequence[str],
        *,
        actor: str,
        reason: str | None,
    ) -> None:
        """Append an entry for each of some decisions.

        Args:
            connection: A transaction that writes, usually the one that does what was decided.
            action: What was decided.
            kind: What the identifiers name.
            identifiers: What it was decided about.
            actor: Who decided.
            reason: Why; None for no reason.
        """
        now = self._clock()
        entries = [
            {
                "decided_at": now,
                "actor": actor,
                "action": action,
                "kind": kind,
                "identifier": identifier,
                "reason": reason,
            }
            for identifier in identifiers
        ]
        if entries:
            connection.execute(insert(ModerationLogEntry), entries)

    def page(
        self, limit: int, before: int | None = None, identifier: str | None = None
    ) -> list[LogEntry]:
        """Return a page of the log, newest entries first.

        Args:
            limit: The largest number of entries to return.
            before: The id below which the page begins; None begins with the newest entry.
            identifier: The identifier that entries are about; None for all.
        """
        query = select(ModerationLogEntry.__table__).order_by(ModerationLogEntry.entry_id.desc())
        if before is not None:
            query = query.where(ModerationLogEntry.entry_id < before)
        if identifier is not None:
            query = query.where(ModerationLogEntry.identifier == identifier)
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit)).mappings()
            return [LogEntry(**row) for row in rows]
