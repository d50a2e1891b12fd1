"""Iceberg's metadata files: finding the newest one of a table, and reading one.

A metadata file never changes: each commit writes another, and the catalog names the newest. So the
location of the newest tells whether the table has changed, without reading the file.
"""

from typing import Final

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.io import load_file_io
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from sqlalchemy import bindparam, select

from catalog.errors import TableNotFound
from catalog.metadata.transaction import LakeTable
from catalog.schema import NAMESPACE, TABLE_NAME

# Made once, since every reading runs it.
_LOCATION: Final = select(IcebergTables.metadata_location).where(
    IcebergTables.catalog_name == bindparam("of_catalog"),
    IcebergTables.table_namespace == bindparam("namespace"),
    IcebergTables.table_name == bindparam("table"),
)


def newest_location(catalog: SqlCatalog, table_name: str = TABLE_NAME) -> str:
    """Return the URL of a table's newest metadata file, with one query of the catalog.

    Args:
        catalog: The catalog.
        table_name: A table of the lake's namespace; the raw table by default.

    Raises:
        TableNotFound: The migrations have not been run.
    """
    location = location_of(catalog, (NAMESPACE, table_name))
    if location is None:
        raise TableNotFound(f"{NAMESPACE}.{table_name}")
    return location


def location_of(catalog: SqlCatalog, identifier: tuple[str, ...]) -> str | None:
    """Return the URL of a table's newest metadata file, or None without the table.

    Args:
        catalog: The catalog.
        identifier: The table's namespace and name.
    """
    parameters = {"of_catalog": catalog.name, "namespace": identifier[0], "table": identifier[1]}
    with catalog.engine.connect() as connection:
        return connection.scalar(_LOCATION, parameters)


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
