"""Keep bounds of people's own words out of metadata, which outlasts the rows for some days.

Manifests that were written before keep theirs until their data files are written anew.
"""

from pyiceberg.catalog import Catalog

from app.state.db import Database
from catalog.schema import METRICS_PROPERTIES, TABLE_IDENTIFIER
from catalog.stages.tables import COMPUTED_STAGES


def upgrade(catalog: Catalog, _database: Database | None = None) -> None:
    """Give the tables the properties, unless they have them."""
    of_stages = [
        name for tables in COMPUTED_STAGES.values() for name in (tables.rows, tables.dropped)
    ]
    for identifier in (TABLE_IDENTIFIER, *of_stages):
        table = catalog.load_table(identifier)
        if not METRICS_PROPERTIES.items() <= table.properties.items():
            with table.transaction() as transaction:
                transaction.set_properties(METRICS_PROPERTIES)
