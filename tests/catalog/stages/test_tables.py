from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.connection import open_catalog
from catalog.errors import TableNotFound
from catalog.stages.reader import table_arrow_schema
from catalog.stages.tables import COMPUTED_STAGES, DROPPED_SCHEMA, PARTITION_SPEC
from catalog.table import load_table


def test_the_migrated_tables_are_those_that_are_described(catalog: SqlCatalog) -> None:
    for each in COMPUTED_STAGES.values():
        for identifier, schema in ((each.rows, each.schema), (each.dropped, DROPPED_SCHEMA)):
            table = load_table(catalog, identifier)
            assert table_arrow_schema(table).names == [field.name for field in schema.fields]
            assert [field.doc for field in table.schema().fields] == [
                field.doc for field in schema.fields
            ]
            (field,) = table.spec().fields
            assert field.transform == PARTITION_SPEC.fields[0].transform
            assert table.schema().find_column_name(field.source_id) == "received_at"
            identifiers = table.schema().identifier_field_names()
            assert identifiers == {"contribution_id"}
            assert table.properties["commit.retry.num-retries"] == "0"
        assert table_arrow_schema(load_table(catalog, each.rows)) == each.arrow_schema


def test_without_migrations_there_is_no_table(tmp_path: Path) -> None:
    empty = open_catalog(f"sqlite:///{tmp_path}/empty.db", f"file://{tmp_path}/warehouse")
    with pytest.raises(TableNotFound):
        load_table(empty, COMPUTED_STAGES["cleaned"].rows)
