"""Iceberg's metadata files: finding the newest one of a table, and reading one.

A metadata file never changes: each commit writes another, and the catalog names the newest. So the
location of the newest tells whether the table has changed, without reading the file.
"""

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.io import load_file_io
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from sqlalchemy import select

from catalog.errors import TableNotFound
from catalog.schema import NAMESPACE, TABLE_NAME
from catalog.transaction import LakeTable


def newest_location(catalog: SqlCatalog, table_name: str = TABLE_NAME) -> str:
    """Return the URL of a table's newest metadata file, with one query of the catalog.

    Args:
        catalog: The catalog.
        table_name: A table of the lake's namespace; the raw table by default.

    Raises:
        TableNotFound: The migrations have not been run.
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
    """Parse a metadata file.

    Raises:
        OSError: The file can't be read, or was removed because it is old.
    """
    io = load_file_io(catalog.properties, location)
    return FromInputFile.table_metadata(io.new_input(location))


def table_at(catalog: SqlCatalog, table_name: str, location: str, metadata: TableMetadata) -> Table:
    """Return a table of the lake's namespace as one of its metadata files describes it.

    Args:
        catalog: The catalog.
        table_name: The table's name.
        location: URL of the metadata file.
        metadata: The metadata in this file.
    """
    io = load_file_io(catalog.properties, location)
    return LakeTable((NAMESPACE, table_name), metadata, location, io, catalog=catalog)
