"""Add what scorers say of conversations, and the commits that added the rows of `cleaned`."""

from pyiceberg.catalog import Catalog

from app.state.db import Database
from catalog.metadata.evolution import evolve
from catalog.stages.tables import COMPUTED_STAGES


def upgrade(catalog: Catalog, _database: Database | None = None) -> None:
    """Give the tables of the stages the columns, unless they have them."""
    for tables in COMPUTED_STAGES.values():
        evolve(catalog, tables.rows, tables.schema)
