"""Bans of contributors: the list of them, and what became of their contributions so far.

A ban holds from the moment at which it is recorded: nothing of the contributor is taken any more.
`app.access.moderation.banned_contributions` hides what came before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sqlalchemy import Connection, select, update

from app.access.moderation.errors import NotBanned
from app.access.moderation.log import ModerationLog
from app.access.refreshed import Refreshed
from app.state.db import Database, insert_missing
from app.state.list_versions import count_change, list_version
from app.state.models import BanRecord

BanState = Literal["hiding", "banned", "lifted"]
"""Of a ban: the contributions are still being hidden, are all hidden, or are shown again."""

_LIST: Final = "bans"
_STANDS: Final = BanRecord.state != "lifted"
_COLUMNS: Final = (
    BanRecord.contributor_id,
    BanRecord.state,
    BanRecord.reason,
    BanRecord.banned_by,
    BanRecord.banned_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """A contributor who is banned, or was until a moment ago.

    Attributes:
        contributor_id: The contributor.
        state: What became of their contributions.
        reason: Why, in the words of who banned them; None when they gave no reason.
        banned_by: Who banned them, as in the log.
        banned_at: When.
    """

    contributor_id: str
    state: BanState
    reason: str | None
    banned_by: str
    banned_at: datetime


class Bans:
    """The bans of a lake, in the relational database."""

    def __init__(
        self,
        database: Database,
        log: ModerationLog,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._known = Refreshed(self._read)

    def ban(
        self,
        contributor_ids: Sequence[str],
        *,
        actor: str,
        reason: str | None,
        takedown: bool = False,
    ) -> int:
        """Ban contributors, all of them or none; those who are banned keep their reason.

        Args:
            contributor_ids: The contributors, who need not have sent anything yet.
            actor: Who bans them, as in the log.
            reason: Why; None for no reason.
            takedown: Whether what they sent is to be erased, that of earlier bans included. The
                caller requests that; here it is noted for what workers take before they know of the
                ban.

        Returns:
            The number of contributors who weren't banned before.
        """
        values = {
            "state": "hiding",
            "reason": reason,
            "banned_by": actor,
            "banned_at": self._clock(),
            "takedown_by": None,
        }
        with self._database.write() as connection:
            # First, since whoever hides contributions locks the number first too: no deadlock.
            count_change(connection, _LIST)
            banned = [
                each
                for each in dict.fromkeys(contributor_ids)
                if _record(connection, {"contributor_id": each, **values})
            ]
            if takedown:
                noting = update(BanRecord).where(_STANDS).values(takedown_by=actor)
                for each in contributor_ids:
                    connection.execute(noting.where(BanRecord.contributor_id == each))
            self._log.write(connection, "ban", "contributor", banned, actor=actor, reason=reason)
        self._known.forget()
        return len(banned)

    def lift(self, contributor_ids: Sequence[str], *, actor: str, reason: str | None) -> None:
        """Lift bans, all of them or none: what the contributors sent is shown again.

        Args:
            contributor_ids: The contributors.
            actor: Who lifts the bans, as in the log.
            reason: Why; None for no reason.

        Raises:
            NotBanned: Some of them aren't banned.
        """
        wanted = list(dict.fromkeys(contributor_ids))
        with self._database.write() as connection:
            # First, since whoever hides contributions locks the number first too: no deadlock.
            count_change(connection, _LIST)
            lifting = update(BanRecord).where(_STANDS).values(state="lifted")
            unknown = [
                each
                for each in wanted
                if not connection.execute(lifting.where(BanRecord.contributor_id == each)).rowcount
            ]
            if unknown:
                raise NotBanned(unknown)
            self._log.write(connection, "unban", "contributor", wanted, actor=actor, reason=reason)
        self._known.forget()

    def all(self) -> list[Ban]:
        """Return the bans that stand, oldest first."""
        query = (
            select(*_COLUMNS).where(_STANDS).order_by(BanRecord.banned_at, BanRecord.contributor_id)
        )
        with self._database.read() as connection:
            return [Ban(**row) for row in connection.execute(query).mappings()]

    def contributor_ids(self) -> frozenset[str]:
        """Return the contributors who are banned, as of at most `MAX_AGE_S` ago."""
        return self._known.get()

    def current(self) -> tuple[int, frozenset[str]]:
        """Return how often the list has changed, and the contributors who are banned, as of now.

        It takes one query of one row while nobody was ever banned.
        """
        with self._database.read() as connection:
            # Read first: a list that is newer than its number is only looked at again.
            number = list_version(connection, _LIST)
            return number, _standing(connection) if number else frozenset()

    def lock(self, connection: Connection) -> int:
        """Keep the list as it is until a transaction ends, and return how often it has changed.

        Args:
            connection: A transaction that writes.
        """
        return list_version(connection, _LIST, is_locked=True)

    def _read(self) -> frozenset[str]:
        with self._database.read() as connection:
            return _standing(connection)


def _standing(connection: Connection) -> frozenset[str]:
    return frozenset(connection.scalars(select(BanRecord.contributor_id).where(_STANDS)))


def _record(connection: Connection, ban: dict[str, object]) -> bool:
    """Record a ban, also in the place of one that was lifted and isn't done yet."""
    if connection.execute(insert_missing(connection, BanRecord), ban).rowcount:
        return True
    lifted = update(BanRecord).where(
        BanRecord.contributor_id == ban["contributor_id"], BanRecord.state == "lifted"
    )
    return bool(connection.execute(lifted.values(ban)).rowcount)
