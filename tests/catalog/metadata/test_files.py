import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from catalog.errors import TableNotFound
from catalog.metadata.files import newest_location, read_metadata
from catalog.metadata.transaction import LakeMetadata
from catalog.schema import TABLE_IDENTIFIER


def test_the_newest_metadata_is_found_without_being_read(catalog: SqlCatalog, table: Table) -> None:
    before = newest_location(catalog)
    assert before == table.metadata_location
    table.transaction().set_properties({"changed": "yes"}).commit_transaction()
    assert newest_location(catalog) == table.metadata_location != before


def test_an_older_metadata_file_is_unchanged(catalog: SqlCatalog, table: Table) -> None:
    before, metadata = newest_location(catalog), table.metadata
    table.transaction().set_properties({"changed": "yes"}).commit_transaction()
    for location, expected in ((before, metadata), (newest_location(catalog), table.metadata)):
        assert LakeMetadata.of(read_metadata(catalog, location)) == expected


def test_without_migrations_there_is_none(catalog: SqlCatalog, table: Table) -> None:
    table.catalog.drop_table(TABLE_IDENTIFIER)
    with pytest.raises(TableNotFound):
        newest_location(catalog)
