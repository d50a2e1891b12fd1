"""Erasing from the database: pages of its files that nothing refers to keep what they held."""

from typing import Final

import pyarrow as pa

from app.state.db import Database
from app.state.models import (
    ApprovalRecord,
    BannedContribution,
    ContributorNetwork,
    HeldBackFor,
    IdempotencyKey,
    JournalEntry,
    QuarantinedVersion,
    QuarantineRecord,
    ReportRecord,
    ShownAgain,
)

_TABLES: Final = (
    JournalEntry,
    IdempotencyKey,
    # Comments and reasons may quote a text.
    ReportRecord,
    QuarantineRecord,
    QuarantinedVersion,
    ApprovalRecord,
    BannedContribution,
    ShownAgain,
    HeldBackFor,
    ContributorNetwork,
)
"""The tables from which rows of contributions are deleted."""


class DatabaseErasure:
    """Writes tables anew that have held contributions, while the service runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase(self, _ids: pa.Array) -> None:
        """Remove what was deleted from every page and log of the database's files.

        Submissions wait meanwhile.
        """
        self._database.compact(*_TABLES)
