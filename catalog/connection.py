"""Connecting to the Iceberg catalog.

Call `open_catalog` in the process that uses it: connections and filesystems don't survive a fork.
"""

from contextlib import AbstractContextManager
from threading import RLock
from typing import cast

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.update import TableRequirement, TableUpdate
from pyiceberg.typedef import Identifier
from sqlalchemy.engine import make_url

from catalog.metadata.files import location_of
from catalog.metadata.transaction import LakeMetadata, LakeTable
from catalog.storage.file_io import FILE_IO
from catalog.storage.postgres import with_timeouts
from catalog.storage.sqlite import checkpoint_log, make_sqlite_durable

CATALOG_NAME = "chatlake"


class LockingCatalog(SqlCatalog):
    """pyiceberg's catalog, with a lock that lets one commit of this process run at a time.

    Without the lock, an append would fail because a thinning committed a moment before, although
    the two change different things. Commits of other processes don't wait for it, and may still
    come first.

    The catalog also keeps, of each table, the newest metadata that it wrote or parsed: a metadata
    file never changes once it is written, and most requests need the one that the request before
    needed.

    Attributes:
        commit_lock: Held during each commit. A caller that takes it before it loads the table
            can't lose the race to another commit of this process.
    """

    def __init__(self, name: str, **properties: str) -> None:
        super().__init__(name, **properties)
        self.commit_lock = RLock()
        self._newest: dict[Identifier, Table] = {}

    def load_table(self, identifier: str | Identifier) -> Table:
        """Load a table as it is now, without a session of pyiceberg's unless it has changed.

        Raises:
            NoSuchTableError: There is no such table.
        """
        newest = self._newest.get(self.identifier_to_tuple(identifier))
        if newest is not None and newest.metadata_location == location_of(self, newest.name()):
            return self._copy_of(newest)
        return super().load_table(identifier)

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        """Commit, once no other commit of this process runs."""
        with self.commit_lock:
            response = super().commit_table(table, requirements, updates)
            metadata, location = response.metadata, response.metadata_location
            io = self._load_file_io(metadata.properties, location)
            self._newest[table.name()] = LakeTable(
                table.name(), metadata, location, io, catalog=self
            )
            return response

    def checkpoint(self, kept_bytes: int) -> int:
        """Move SQLite's log into the database: see `catalog.storage.sqlite.checkpoint_log`."""
        return checkpoint_log(self.engine, kept_bytes=kept_bytes)

    def _convert_orm_to_iceberg(self, orm_table: IcebergTables) -> Table:
        name = (*self.identifier_to_tuple(orm_table.table_namespace), orm_table.table_name)
        newest = self._newest.get(name)
        if newest is None or newest.metadata_location != orm_table.metadata_location:
            newest = self._newest[name] = super()._convert_orm_to_iceberg(orm_table)
            newest.metadata = LakeMetadata.of(newest.metadata)
        return self._copy_of(newest)

    def _copy_of(self, table: Table) -> Table:
        # Each caller gets its own Table, which changes when that caller refreshes it or commits.
        return LakeTable(
            table.name(), table.metadata, table.metadata_location, table.io, catalog=self
        )


def commit_lock_of(table: Table) -> AbstractContextManager[object]:
    """Return the commit lock of the catalog that a table was loaded from.

    Args:
        table: A table of a catalog that `open_catalog` made.
    """
    return cast("LockingCatalog", table.catalog).commit_lock


def open_catalog(uri: str, warehouse: str, **properties: str) -> LockingCatalog:
    """Open the SQL catalog. SQLite syncs every commit, and tables use the durable FileIO.

    Args:
        uri: SQLAlchemy URL of the catalog's database.
        warehouse: URL of the folder or bucket that holds the tables.
        properties: Further pyiceberg properties, such as `s3.endpoint`.
    """
    url = with_timeouts(make_url(uri)).render_as_string(hide_password=False)
    fixed = {"py-io-impl": FILE_IO, "pool_pre_ping": "true"}
    catalog = LockingCatalog(CATALOG_NAME, uri=url, warehouse=warehouse, **fixed, **properties)
    make_sqlite_durable(catalog.engine)
    return catalog
