"""Create the tables of counts. Those of before were made anew here, as step 16 does now."""

from pyiceberg.catalog import Catalog

from app.query.counts.files import FileCounts
from app.state.db import Database


def upgrade(catalog: Catalog, database: Database) -> None:  # noqa: ARG001  # as steps have them
    """Create the tables that aren't there."""
    counts = FileCounts(database)
    counts.create()
    counts.dispose()
