"""Reading a snapshot's Parquet files by DuckDB's own reader, for files on this machine.

DuckDB reads with all of its threads, and leaves out columns and row groups that a query doesn't
need. It finds columns by their Iceberg ids, so what an older file lacks is null. What keeps a query
from other paths are `allowed_paths`, Landlock and the list of functions: see `sandbox.query`.
"""

from typing import Final

import duckdb
import pyarrow as pa

from sandbox.protocol import LocalFiles

_FIELD_ID: Final = b"PARQUET:field_id"
"""The key of an Iceberg id in the metadata of an Arrow field."""
_FILE_NUMBERS: Final = "file_sequence_numbers"


def create_view(connection: duckdb.DuckDBPyConnection, name: str, files: LocalFiles) -> None:
    """Create a view of all rows of some files.

    It has the columns of the table, and `file_sequence_number`, the sequence number of a row's
    file.

    Args:
        connection: The database.
        name: The name of the view.
        files: The files, of which there is at least one.
    """
    # By the file's position in the list: a join would cost every query that doesn't read it.
    numbers = ", ".join(map(str, files.sequence_numbers))
    columns = ", ".join(map(_column, files.schema))
    connection.execute(
        f"CREATE VIEW {name} AS "  # noqa: S608  # all of it is ours
        f"SELECT {columns}, list_extract([{numbers}], file_index::BIGINT + 1)::BIGINT "
        "AS file_sequence_number "
        f"FROM read_parquet({path_list(files)}, hive_partitioning = false, "
        f"schema = {_schema(connection, files.schema)})"
    )


def path_list(files: LocalFiles) -> str:
    """Return the paths of files as a list in SQL."""
    return "[" + ", ".join(map(_literal, files.paths)) + "]"


def is_of_reading(error: Exception, files: LocalFiles) -> bool:
    """Tell whether an error of a query is from reading the files, and not from the query itself."""
    # What decoding a broken page raises has no class of its own.
    if isinstance(error, duckdb.IOException) or type(error) is duckdb.Error:
        return True
    message = str(error)
    return isinstance(error, duckdb.Error) and any(path in message for path in files.paths)


def _column(field: pa.Field) -> str:
    name = _quoted(field.name)
    if not pa.types.is_struct(field.type):
        return name
    # DuckDB 2.0 fails on a field of a struct that a file lacks, if it asks the file for that alone.
    return f"CASE WHEN {name} IS NULL THEN NULL ELSE {name} END AS {name}"


def _schema(connection: duckdb.DuckDBPyConnection, schema: pa.Schema) -> str:
    """Return the columns as DuckDB's reader of Parquet expects them, by their Iceberg ids."""
    types = connection.from_arrow(schema.empty_table()).types
    fields = (
        f"{int(field.metadata[_FIELD_ID])}: "
        f"{{name: {_literal(field.name)}, type: {_literal(str(kind))}, default_value: NULL}}"
        for field, kind in zip(schema, types, strict=True)
    )
    return "MAP {" + ", ".join(fields) + "}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
