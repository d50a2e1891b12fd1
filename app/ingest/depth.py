"""What is acknowledged and not in the lake yet: for those who watch over it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.ingest.journal import Backlog, Journal
from app.state.db import Database
from app.state.models import Claim, JournalEntry
from catalog.schema import TABLE_NAME


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A batch that was claimed and is not settled yet."""

    batch_id: str
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Depth:
    """The depth of the journal.

    Attributes:
        backlog: How much waits, what is claimed and not settled included.
        oldest_at: When the oldest of it was received; None when nothing waits.
        claim: The open claim, if there is one.
    """

    backlog: Backlog
    oldest_at: datetime | None
    claim: OpenClaim | None


def read_depth(journal: Journal, database: Database) -> Depth:
    """Return the depth of the journal now.

    Raises:
        SQLAlchemyError: It can't be read.
    """
    oldest = (
        select(JournalEntry.received_at)
        .where(JournalEntry.batch_id.is_(None))
        .order_by(JournalEntry.entry_id)
        .limit(1)
    )
    open_claim = select(Claim.batch_id, Claim.claimed_at).where(Claim.table_name == TABLE_NAME)
    with database.read() as connection:
        oldest_at = connection.scalar(oldest)
        claim = connection.execute(open_claim).first()
    return Depth(journal.backlog(), oldest_at, OpenClaim(*claim) if claim else None)
