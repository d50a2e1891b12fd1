"""The lake that is examined."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from heapq import nsmallest
from pathlib import Path
from secrets import token_bytes
from typing import Final

from pyiceberg.table import Table
from sqlalchemy import select

from app.settings import Settings
from app.state.db import Database
from app.state.models import Claim
from catalog.connection import LockingCatalog
from catalog.schema import NAMESPACE, TABLE_IDENTIFIER
from catalog.table import load_table

_SEED_BYTES: Final = 16
RESTORE: Final = "scripts/lake restore BACKUP into an empty home, from the newest backup"
"""What mends lost state."""


@dataclass(frozen=True, kw_only=True)
class ExaminedLake:
    """A lake that is examined. Checks only read it.

    Attributes:
        settings: Say where the lake is.
        database: Has journal and ledger.
        catalog: Has the tables.
        is_deep: Whether data files are decoded and sums of published files are compared.
        now: The time of the examination.
        seed: Decides which parts are looked at of what is examined by samples.
    """

    settings: Settings
    database: Database
    catalog: LockingCatalog
    is_deep: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    seed: bytes = field(default_factory=lambda: token_bytes(_SEED_BYTES))

    @cached_property
    def table(self) -> Table:
        """The raw table."""
        return load_table(self.catalog, TABLE_IDENTIFIER)

    def tables(self) -> Iterator[Table]:
        """Yield every table of the lake."""
        for identifier in sorted(self.catalog.list_tables(NAMESPACE)):
            yield load_table(self.catalog, ".".join(identifier))

    def lacks_derived(self, name: str) -> bool:
        """Tell whether a derived database isn't there; opening it would make an empty file.

        Args:
            name: Name of the database, see `Database.derived`.
        """
        database = self.database.derived(name)
        if database is self.database:
            return False
        path = Path(str(database.url.database))
        return not path.exists() or not path.stat().st_size

    def sample(self, names: Iterable[str], count: int) -> list[str]:
        """Return some of many names, or all of them when the examination is deep.

        They hardly change when a few names come or go, so that both looks see the same ones.

        Args:
            names: The names, each once.
            count: How many are returned at most unless the examination is deep.
        """
        if self.is_deep:
            return sorted(names)
        return nsmallest(count, names, key=self._place)

    def _place(self, name: str) -> bytes:
        return blake2b(name.encode(), key=self.seed).digest()

    def claimed_batch(self) -> str | None:
        """Return the id of the batch that is being committed; None without one."""
        with self.database.read() as connection:
            return connection.scalar(select(Claim.batch_id))
