"""Create the tables of the stages."""

from pyiceberg.catalog import Catalog

from catalog.stage_tables import make_stages


def upgrade(catalog: Catalog) -> None:
    """Create the tables, unless they exist."""
    make_stages(catalog)
