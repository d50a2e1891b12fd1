"""Create the table `replaced` and the index of versions, and fill both from the raw table.

The raw table's versions are sorted by DuckDB in bounded memory. A step that was cut off leaves the
table without rows, or with all of them, and the index as it was before or full.
"""

from typing import Final

from pyiceberg.catalog import Catalog

from app.access.takedowns.contributions import TakenDownContributions
from app.state.db import Database
from app.state.scratch import ScratchDatabase
from app.versions.filling import VersionFilling
from app.versions.index import VersionIndex
from catalog.replaced import REPLACED_IDENTIFIER, REPLACED_SCHEMA, REPLACED_SPEC
from catalog.schema import TABLE_PROPERTIES
from catalog.table import load_table

_MEMORY_MIB: Final = 512


def upgrade(catalog: Catalog, database: Database) -> None:
    """Create and fill them, unless that is done."""
    catalog.create_table_if_not_exists(
        REPLACED_IDENTIFIER,
        REPLACED_SCHEMA,
        partition_spec=REPLACED_SPEC,
        # A copy: pyiceberg takes the format version out of the properties that it is given.
        properties=dict(TABLE_PROPERTIES),
    )
    index = VersionIndex(database)
    index.create()
    # DuckDB takes as long to import as a new lake takes to be made.
    if load_table(catalog).current_snapshot() is not None:
        erased = TakenDownContributions(database)
        scratch = ScratchDatabase(_MEMORY_MIB)
        VersionFilling(index, database, lambda: catalog, erased, scratch.connection).fill()
    index.dispose()
