"""What every domain stands on: the settings, the database, the catalog, and room for queries."""

from functools import cached_property

from pyiceberg.table import Table

from app.settings import Settings
from app.state.db import Database
from app.state.scratch import ScratchDatabase
from catalog.connection import LockingCatalog, open_catalog
from catalog.table import load_table


class Foundation:
    """The settings, and connections that are made when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url)
        self.scratch = ScratchDatabase(settings.query_memory_mib)

    @cached_property
    def catalog(self) -> LockingCatalog:
        """The Iceberg catalog."""
        return open_catalog(
            self.settings.catalog_uri, self.settings.warehouse, **self.settings.catalog_properties
        )

    def get_catalog(self) -> LockingCatalog:
        """Return the catalog, to parts that are made before it is opened."""
        return self.catalog

    def get_raw_table(self) -> Table:
        """Return the raw table as it is now."""
        return load_table(self.catalog)

    def close(self) -> None:
        """Close the connections of this process."""
        self.database.dispose()
        if "catalog" in vars(self):
            self.catalog.engine.dispose()
