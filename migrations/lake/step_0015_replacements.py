"""Make the tables of the index of contributors anew, with a column for what commits replaced.

Maintenance fills them.
"""

from pyiceberg.catalog import Catalog

from app.query.counts_models import ContributorFile, ContributorRows, ContributorTotals, CountsBase
from app.query.file_counts import FileCounts
from app.state.db import Database

_TABLES = [
    CountsBase.metadata.tables[model.__tablename__]
    for model in (
        ContributorRows,
        ContributorTotals,
        ContributorFile,
    )
]


def upgrade(catalog: Catalog, database: Database) -> None:  # noqa: ARG001  # as steps have them
    """Drop the tables, and create all that aren't there."""
    counts = FileCounts(database)
    counts.create()
    with counts.database.write() as connection:
        CountsBase.metadata.drop_all(connection, tables=_TABLES)
    counts.create()
    counts.dispose()
