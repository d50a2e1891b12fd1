"""Connecting to the Iceberg catalog.

Call `open_catalog` in the process that uses it: connections and filesystems don't survive a fork.
"""

from contextlib import AbstractContextManager
from threading import RLock
from typing import cast

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.update import TableRequirement, TableUpdate
from sqlalchemy.engine import make_url

from catalog.file_io import FILE_IO
from catalog.postgres import with_timeouts
from catalog.sqlite import checkpoint, make_sqlite_durable

CATALOG_NAME = "chatlake"


class TurnTakingCatalog(SqlCatalog):
    """pyiceberg's catalog, in which commits of one process wait for each other.

    A commit that only conflicts with another one in its timing, such as an append with thinning,
    would fail by it otherwise. Those of other processes still come first at times.

    It also remembers the newest metadata file that it parsed: none changes once it is written, and
    most requests find the one that the request before found.

    Attributes:
        turn: Held during each commit; who holds it longer can't lose to others of this process.
    """

    def __init__(self, name: str, **properties: str) -> None:
        super().__init__(name, **properties)
        self.turn = RLock()
        self._newest: Table | None = None

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        """Commit when the commit before it has ended."""
        with self.turn:
            return super().commit_table(table, requirements, updates)

    def checkpoint(self) -> None:
        """Do the housekeeping of the catalog's database, where it doesn't do it by itself."""
        checkpoint(self.engine)

    def _convert_orm_to_iceberg(self, orm_table: IcebergTables) -> Table:
        newest = self._newest
        if newest is None or newest.metadata_location != orm_table.metadata_location:
            newest = self._newest = super()._convert_orm_to_iceberg(orm_table)
        # Each caller gets a table of its own: it moves on when the caller refreshes or commits.
        return Table(
            newest.name(), newest.metadata, newest.metadata_location, newest.io, catalog=self
        )


def turn_of(table: Table) -> AbstractContextManager[object]:
    """Return the turn of the catalog that a table was loaded from: `open_catalog` made it."""
    return cast("TurnTakingCatalog", table.catalog).turn


def open_catalog(uri: str, warehouse: str, **properties: str) -> TurnTakingCatalog:
    """Return the SQL catalog, durable on SQLite, whose tables read and write through our FileIO.

    Args:
        uri: SQLAlchemy URL of the catalog's database.
        warehouse: URL of the folder or bucket that holds the tables.
        properties: More pyiceberg properties, such as `s3.endpoint`.
    """
    url = with_timeouts(make_url(uri)).render_as_string(hide_password=False)
    ours = {"py-io-impl": FILE_IO, "pool_pre_ping": "true"}
    catalog = TurnTakingCatalog(CATALOG_NAME, uri=url, warehouse=warehouse, **ours, **properties)
    make_sqlite_durable(catalog.engine)
    return catalog
