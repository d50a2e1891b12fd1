"""A committer that dies, or loses an answer, at a chosen moment of the claim protocol.

All of it is real: SQLite, the files, pyiceberg. Only the moments are chosen.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.access.moderation.banned_contributions import BannedContributions
from app.access.moderation.bans import Bans
from app.access.moderation.log import ModerationLog
from app.access.takedowns.contributions import TakenDownContributions
from app.access.visibility.hidden import HiddenContributions
from app.ingest.commits.claims import Batch, Claims
from app.ingest.commits.committer import Committer
from app.ingest.journal.journal import Journal
from app.settings import Settings
from app.state.db import Database
from app.versions.index import VersionIndex
from app.versions.recording import VersionRecorder
from catalog.snapshots import Snapshot
from tests.catalog.races import InterruptedCatalog


class Death(BaseException):
    """Stands for kill -9: nothing handles it on the way."""


def die() -> NoReturn:
    """End the process."""
    raise Death


def lose_the_answer() -> None:
    """Fail as a database does whose connection broke after it committed."""
    raise OperationalError("COMMIT", None, Exception("server closed the connection unexpectedly"))


def _nothing() -> None:
    pass


class InterruptedDatabase(Database):
    """A database that calls back before and after each commit."""

    before_commit: Callable[[], None] = staticmethod(_nothing)
    after_commit: Callable[[], None] = staticmethod(_nothing)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction, with the calls before and after its commit."""
        with super().write() as connection:
            yield connection
            self.before_commit()
        self.after_commit()


class InterruptedClaims(Claims):
    """Claims that call back between the steps of the protocol."""

    before_reading: Callable[[], None] = staticmethod(_nothing)
    after_reading: Callable[[], None] = staticmethod(_nothing)
    before_settling: Callable[[], None] = staticmethod(_nothing)
    after_settling: Callable[[], None] = staticmethod(_nothing)

    def batch(self, batch_id: UUID) -> Batch | None:
        """Return the content of a claim, with the calls around reading it."""
        self.before_reading()
        batch = super().batch(batch_id)
        self.after_reading()
        return batch

    def settle(self, batch_id: UUID, snapshot: Snapshot) -> None:
        """Settle a claim, with the calls before and after."""
        self.before_settling()
        super().settle(batch_id, snapshot)
        self.after_settling()


class Process:
    """A committer with connections of its own, as another process has them."""

    def __init__(self, settings: Settings) -> None:
        self.database = InterruptedDatabase(settings.database_url)
        self.journal = Journal(self.database, settings.max_journal_bytes)
        self.claims = InterruptedClaims(self.database)
        self.catalog = InterruptedCatalog(
            settings.catalog_uri, settings.warehouse, **settings.catalog_properties
        )
        hidden = HiddenContributions(self.database)
        self.index = VersionIndex(self.database)
        bans = Bans(self.database, ModerationLog(self.database))
        self.committer = Committer(
            self.database,
            self.journal,
            self.claims,
            self.catalog,
            VersionRecorder(
                self.index,
                self.database,
                lambda: self.catalog,
                TakenDownContributions(self.database),
            ),
            BannedContributions(self.database, hidden, bans, lambda: self.catalog),
            settings,
        )

    def close(self) -> None:
        """Close its connections, as the kernel does when a process is dead."""
        self.journal.close()
        self.index.dispose()
        self.database.dispose()
        self.catalog.engine.dispose()
