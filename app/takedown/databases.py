"""Erasing from the database: pages of its files that nothing refers to keep what they held."""

import pyarrow as pa

from app.state.db import Database
from app.state.models import (
    ContributorNetwork,
    IdempotencyKey,
    JournalEntry,
    QuarantineRecord,
    ReportRecord,
)


class DatabaseErasure:
    """Writes the tables anew that have held contributions, while the service runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase(self, _ids: pa.Array) -> None:
        """Return once no page and no log of the database's files holds what was deleted.

        Submissions wait meanwhile.
        """
        # Comments of reports and reasons for a quarantine may quote a text.
        self._database.compact(
            JournalEntry, IdempotencyKey, ReportRecord, QuarantineRecord, ContributorNetwork
        )
