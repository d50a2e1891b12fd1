"""Create the raw table."""

from pyiceberg.catalog import Catalog

from catalog.schema import PARTITION_SPEC, SCHEMA, TABLE_IDENTIFIER, TABLE_PROPERTIES


def upgrade(catalog: Catalog) -> None:
    """Create the table, unless it exists."""
    # A copy: pyiceberg takes the format version out of the properties that it is given.
    catalog.create_table_if_not_exists(
        TABLE_IDENTIFIER, SCHEMA, partition_spec=PARTITION_SPEC, properties=dict(TABLE_PROPERTIES)
    )
