from uuid import uuid4

import pyiceberg.table
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import TableUpdate, update_table_metadata

from catalog.metadata.files import newest_location, read_metadata
from catalog.metadata.transaction import LakeTransaction
from catalog.table import append_batch, load_table
from tests.factories import make_received


def test_the_metadata_is_that_of_pyicebergs_transaction_after_each_change(table: Table) -> None:
    ours, theirs = LakeTransaction(table), Transaction(table)
    for name in ("first", "second"):
        for transaction in (ours, theirs):
            transaction.set_properties({name: "value"})
        assert ours.table_metadata.properties == theirs.table_metadata.properties
    ours.commit_transaction()
    assert table.properties["second"] == "value"
    assert ours.table_metadata == table.metadata


def test_the_metadata_is_computed_once_for_each_change(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []

    def noted(metadata: TableMetadata, updates: tuple[TableUpdate, ...]) -> TableMetadata:
        computed.append(len(updates))
        return update_table_metadata(metadata, updates)

    monkeypatch.setattr(pyiceberg.table, "update_table_metadata", noted)
    transaction = table.transaction()
    for _ in range(2):
        for _ in range(3):
            assert transaction.table_metadata is transaction.table_metadata
        transaction.set_properties({"name": "value"})
    assert computed == [0, 1]


def test_what_a_caller_changes_is_not_the_metadata_of_the_table(table: Table) -> None:
    table.transaction().table_metadata.properties["name"] = "value"
    assert "name" not in table.properties


def test_a_copy_of_the_metadata_has_its_own_lists_of_the_same_schemas(table: Table) -> None:
    copied = table.metadata.model_copy(deep=True)
    assert copied == table.metadata
    assert copied.schemas is not table.metadata.schemas
    assert copied.schemas[0] is table.metadata.schemas[0]


def test_metadata_after_a_commit_is_what_was_written(catalog: SqlCatalog, table: Table) -> None:
    for day in range(2):
        append_batch(table, uuid4(), [make_received(day)])
    table.transaction().set_properties({"name": "value"}).commit_transaction()
    kept = load_table(catalog)
    assert kept.metadata_location == newest_location(catalog)
    written = read_metadata(catalog, kept.metadata_location)
    assert kept.metadata.model_dump() == table.metadata.model_dump() == written.model_dump()
