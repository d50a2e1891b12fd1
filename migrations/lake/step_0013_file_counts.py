"""Create the table with the counts of data files, which maintenance fills."""

from pyiceberg.catalog import Catalog

from app.query.counts.files import FileCounts
from app.state.db import Database


def upgrade(catalog: Catalog, database: Database) -> None:  # noqa: ARG001  # as steps have them
    """Create the table, unless it is there."""
    counts = FileCounts(database)
    counts.create()
    counts.dispose()
