"""Create the tables of the index of contributors, which maintenance fills.

The counts of files are made anew, since those of before count contributors too.
"""

from pyiceberg.catalog import Catalog

from app.query.counts.files import FileCounts
from app.state.db import Database


def upgrade(catalog: Catalog, database: Database) -> None:  # noqa: ARG001  # as steps have them
    """Create the tables that aren't there, and forget the counts of files."""
    counts = FileCounts(database)
    counts.create()
    counts.forget(counts.paths())
    counts.dispose()
