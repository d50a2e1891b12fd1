"""The lake that is examined."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from pyiceberg.table import Table
from sqlalchemy import select

from app.settings import Settings
from app.state.db import Database
from app.state.models import Claim
from catalog.connection import LockingCatalog
from catalog.schema import NAMESPACE, TABLE_IDENTIFIER
from catalog.table import load_table

RESTORE: Final = "scripts/lake restore BACKUP into an empty home, from the newest backup"
"""What mends lost state."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A lake that is examined. Checks only read it.

    Attributes:
        settings: Say where the lake is.
        database: Has journal and ledger.
        catalog: Has the tables.
        is_deep: Whether data files are decoded and sums of published files are compared.
        now: The time of the examination.
    """

    settings: Settings
    database: Database
    catalog: LockingCatalog
    is_deep: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def table(self) -> Table:
        """The raw table."""
        return load_table(self.catalog, TABLE_IDENTIFIER)

    def tables(self) -> Iterator[Table]:
        """Yield every table of the lake."""
        for identifier in sorted(self.catalog.list_tables(NAMESPACE)):
            yield load_table(self.catalog, ".".join(identifier))

    def claimed_batch(self) -> str | None:
        """Return the id of the batch that is being committed; None without one."""
        with self.database.read() as connection:
            return connection.scalar(select(Claim.batch_id))
