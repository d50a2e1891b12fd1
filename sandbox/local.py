"""Reading a snapshot's Parquet files by DuckDB's own reader, for files on this machine.

DuckDB reads with all of its threads, and leaves out columns and row groups that a query doesn't
need. It finds columns by their Iceberg ids, so what an older file lacks is null. What keeps a query
from other paths are `allowed_paths`, Landlock and the list of functions: see `sandbox.query`.
"""

from collections.abc import Iterable
from typing import Final

import duckdb
import pyarrow as pa

from sandbox.names import quoted
from sandbox.protocol import LocalFiles, ReplacedFiles

_FIELD_ID: Final = b"PARQUET:field_id"
"""The key of an Iceberg id in the metadata of an Arrow field."""


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
        f"AS file_sequence_number FROM {_rows_of(connection, files.paths, files.schema)}"
    )


def create_view_of_replaced(
    connection: duckdb.DuckDBPyConnection, name: str, files: ReplacedFiles
) -> None:
    """Create a view with the ids of the contributions that were replaced.

    Args:
        connection: The database.
        name: The name of the view.
        files: The files that tell it, on this machine, of which there is at least one.
    """
    last = files.last_sequence_number
    where = "" if last is None else f"WHERE sequence_number <= {last}"
    connection.execute(
        f"CREATE VIEW {name} AS SELECT contribution_id "  # noqa: S608  # all of it is ours
        f"FROM {_rows_of(connection, files.paths, files.schema)} {where}"
    )


def path_list(paths: Iterable[str]) -> str:
    """Return paths as a list in SQL."""
    return "[" + ", ".join(map(_literal, paths)) + "]"


def is_of_reading(error: Exception, paths: Iterable[str]) -> bool:
    """Tell whether an error of a query is from reading files, and not from the query itself."""
    # What decoding a broken page raises has no class of its own.
    if isinstance(error, duckdb.IOException) or type(error) is duckdb.Error:
        return True
    message = str(error)
    return isinstance(error, duckdb.Error) and any(path in message for path in paths)


def _rows_of(connection: duckdb.DuckDBPyConnection, paths: Iterable[str], schema: pa.Schema) -> str:
    return (
        f"read_parquet({path_list(paths)}, hive_partitioning = false, "
        f"schema = {_schema(connection, schema)})"
    )


def _column(field: pa.Field) -> str:
    name = quoted(field.name)
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
