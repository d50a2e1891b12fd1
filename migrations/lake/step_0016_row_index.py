"""Make the tables of counts and of indexes anew: contributors and contents have one index now.

Counts have the contributions that files of `replaced` name. Maintenance fills all of it.
"""

from typing import Final

from pyiceberg.catalog import Catalog
from sqlalchemy import MetaData, Table

from app.query.file_counts import FileCounts
from app.state.db import Database

_TABLES: Final = (
    "file_counts",
    "contributor_rows",
    "contributor_totals",
    "contributor_files",
    "content_hash_rows",
    "content_hash_files",
)
"""The tables of before."""


def upgrade(catalog: Catalog, database: Database) -> None:  # noqa: ARG001  # as steps have them
    """Drop the tables of before, and create all that aren't there."""
    counts = FileCounts(database)
    counts.create()
    before = MetaData()
    for name in _TABLES:
        Table(name, before)
    with counts.database.write() as connection:
        before.drop_all(connection)
    counts.create()
    counts.dispose()
