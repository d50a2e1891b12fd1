"""The depth of the journal: what is acknowledged and not in the lake yet."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.ingest.journal.journal import Backlog, Journal
from app.state.db import Database
from app.state.models import Claim, JournalEntry
from catalog.schema import TABLE_NAME


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """The batch that is claimed and not settled yet.

    Attributes:
        batch_id: The id of the batch.
        claimed_at: When it was claimed.
    """

    batch_id: str
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Depth:
    """The depth of the journal.

    Attributes:
        backlog: The contributions that wait, including those that are claimed and not settled.
        oldest_at: When the oldest waiting entry was received; None when nothing waits.
        claim: The open claim, or None without one.
    """

    backlog: Backlog
    oldest_at: datetime | None
    claim: OpenClaim | None


def read_depth(journal: Journal, database: Database) -> Depth:
    """Return the depth of the journal now.

    Raises:
        SQLAlchemyError: The depth can't be read.
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
