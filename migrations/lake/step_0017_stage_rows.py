"""Create the index of the rows of stages, empty. Maintenance fills it."""

from pyiceberg.catalog import Catalog

from app.query.counts.files import FileCounts
from app.state.db import Database


def upgrade(catalog: Catalog, database: Database) -> None:  # noqa: ARG001  # as steps have them
    """Create the tables that aren't there; what is counted and indexed stays."""
    counts = FileCounts(database)
    counts.create()
    counts.dispose()
