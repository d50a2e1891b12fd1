"""Make the tables of counts and of indexes anew: contributors and contents have one index now.

Counts have the contributions that files of `replaced` name. Maintenance fills all of it.
"""

from typing import Final

from pyiceberg.catalog import Catalog
from sqlalchemy import MetaData, Table

from app.query.counts.files import FileCounts
from app.query.counts.models import CountsBase
from app.state.db import Database

_FORMER_TABLES: Final = ("contributor_files", "content_hash_rows", "content_hash_files")


def upgrade(catalog: Catalog, database: Database) -> None:  # noqa: ARG001  # as steps have them
    """Drop all tables, those of before too, and create those of today."""
    counts = FileCounts(database)
    counts.create()
    former = MetaData()
    for name in _FORMER_TABLES:
        Table(name, former)
    with counts.database.write() as connection:
        former.drop_all(connection)
        CountsBase.metadata.drop_all(connection)
    counts.create()
    counts.dispose()
