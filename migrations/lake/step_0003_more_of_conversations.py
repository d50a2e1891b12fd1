"""Add the columns for what a conversation has beside its texts.

pyiceberg numbered the nested fields of the tables of stages itself when it created them. The
columns that are added here and later have the numbers of `catalog.stages.tables`, which may be
taken by such a field. So the data files that stages have by now are rewritten first, with the
numbers of `step_0002_stages`.
"""

from typing import Final

import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from app.state.db import Database
from catalog.maintenance.rewriting import rewrite_data_files
from catalog.metadata.evolution import evolve
from catalog.schema import SCHEMA, TABLE_IDENTIFIER
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from migrations.lake.step_0002_stages import FIRST_SCHEMAS

_PREFIX: Final = "numbered-"
"""Beginning of the names of rewritten files."""
_ZSTD_LEVEL: Final = 9


def upgrade(catalog: Catalog, _database: Database | None = None) -> None:
    """Give the tables the columns, unless they have them."""
    for identifier, first_schema in FIRST_SCHEMAS.items():
        _number_fields(load_table(catalog, identifier), first_schema)
    evolve(catalog, TABLE_IDENTIFIER, SCHEMA)
    for tables in COMPUTED_STAGES.values():
        evolve(catalog, tables.rows, tables.schema)


def _number_fields(table: Table, schema: Schema) -> None:
    """Give the fields of a table the numbers of a schema of the same columns, unless it has more.

    A table without rows gets the numbers with its next schema. The swap of files is one commit, so
    a step that is cut off is begun anew.
    """
    has_more = len(table.schema().fields) != len(schema.fields)
    if has_more or table.schema().fields == schema.fields or not table.metadata.snapshots:
        return
    columns = schema_to_pyarrow(schema)

    def rewrite(file: DataFile) -> str:
        folder, _, name = file.file_path.rpartition("/")
        path = f"{folder}/{_PREFIX}{name}"
        with (
            table.io.new_input(file.file_path).open() as source,
            table.io.new_output(path).create(overwrite=True) as target,
            pq.ParquetWriter(
                target, columns, compression="zstd", compression_level=_ZSTD_LEVEL
            ) as writer,
        ):
            old = pq.ParquetFile(source)
            for number in range(old.num_row_groups):
                writer.write_table(old.read_row_group(number).cast(columns))
        return path

    rewrite_data_files(
        table,
        rewrite,
        change_schema=lambda old: schema.model_copy(update={"schema_id": old.schema_id}),
    )
