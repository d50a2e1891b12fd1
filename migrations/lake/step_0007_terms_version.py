"""Add the column `terms_version` to the raw table."""

from pyiceberg.catalog import Catalog

from app.state.db import Database
from catalog.metadata.evolution import evolve
from catalog.schema import SCHEMA, TABLE_IDENTIFIER


def upgrade(catalog: Catalog, _database: Database | None = None) -> None:
    """Give the raw table the column, unless it has it."""
    evolve(catalog, TABLE_IDENTIFIER, SCHEMA)
