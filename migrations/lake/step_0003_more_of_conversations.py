"""Add the columns for what a conversation has beside its texts."""

from pyiceberg.catalog import Catalog

from app.state.db import Database
from catalog.evolution import evolve
from catalog.schema import SCHEMA, TABLE_IDENTIFIER
from catalog.stages import COMPUTED_STAGES


def upgrade(catalog: Catalog, _database: Database | None = None) -> None:
    """Give the tables the columns, unless they have them."""
    evolve(catalog, TABLE_IDENTIFIER, SCHEMA)
    for tables in COMPUTED_STAGES.values():
        evolve(catalog, tables.rows, tables.schema)
