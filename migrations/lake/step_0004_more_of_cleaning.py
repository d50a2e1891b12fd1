"""Add what cleaning tells of a conversation since its version 2.

These are the counts of more kinds of masks, the signals of answers that fail, the
languages of the turns, what was cut and marked, and the evaluation sets that rows overlap with.
"""

from pyiceberg.catalog import Catalog

from app.state.db import Database
from catalog.metadata.evolution import evolve
from catalog.stages.tables import COMPUTED_STAGES, DROPPED_SCHEMA


def upgrade(catalog: Catalog, _database: Database | None = None) -> None:
    """Give the tables of the stages the columns, unless they have them."""
    for tables in COMPUTED_STAGES.values():
        evolve(catalog, tables.rows, tables.schema)
        evolve(catalog, tables.dropped, DROPPED_SCHEMA)
