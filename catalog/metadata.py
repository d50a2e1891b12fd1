"""A table's metadata file: where the newest one lies, and what one says.

A metadata file never changes: each commit writes another, and the catalog names the newest. So its
location tells, without reading it, whether the table has changed.
"""

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.io import load_file_io
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from sqlalchemy import select

from catalog.errors import TableNotFound
from catalog.schema import NAMESPACE, TABLE_NAME


def newest_location(catalog: SqlCatalog, table_name: str = TABLE_NAME) -> str:
    """Return the URL of a table's newest metadata file, by asking the catalog alone.

    Args:
        catalog: The catalog.
        table_name: A table of the lake's namespace; the raw one by default.

    Raises:
        TableNotFound: The migrations have not made the table.
    """
    query = select(IcebergTables.metadata_location).where(
        IcebergTables.catalog_name == catalog.name,
        IcebergTables.table_namespace == NAMESPACE,
        IcebergTables.table_name == table_name,
    )
    with catalog.engine.connect() as connection:
        location = connection.scalar(query)
    if location is None:
        raise TableNotFound(f"{NAMESPACE}.{table_name}")
    return location


def read_metadata(catalog: SqlCatalog, location: str) -> TableMetadata:
    """Return what a metadata file says.

    Raises:
        OSError: It can't be read, or is so old that it was removed.
    """
    io = load_file_io(catalog.properties, location)
    return FromInputFile.table_metadata(io.new_input(location))
