import sqlite3
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy import text
from sqlalchemy.engine import Engine

from catalog.connection import open_catalog
from catalog.errors import TableNotFound
from catalog.schema import TABLE_IDENTIFIER
from catalog.storage.file_io import DurableFileIO
from catalog.storage.sqlite import BUSY_TIMEOUT_MS
from catalog.table import load_table

# https://www.sqlite.org/pragma.html#pragma_synchronous
_FULL = 2


def _pragma(engine: Engine, name: str) -> object:
    with engine.connect() as opened:
        return opened.execute(text(f"PRAGMA {name}")).scalar()


def test_each_connection_of_the_catalog_syncs_every_commit(catalog: SqlCatalog) -> None:
    for _ in range(2):
        assert _pragma(catalog.engine, "journal_mode") == "wal"
        assert _pragma(catalog.engine, "synchronous") == _FULL
        assert _pragma(catalog.engine, "busy_timeout") == BUSY_TIMEOUT_MS
        catalog.engine.dispose()


def test_the_catalogs_database_stays_in_wal_mode(tmp_path: Path) -> None:
    catalog = open_catalog(f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/warehouse")
    assert catalog.list_namespaces() == []
    catalog.engine.dispose()
    other = sqlite3.connect(tmp_path / "catalog.db")
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_the_tables_of_the_catalog_are_read_and_written_through_the_durable_io(
    catalog: SqlCatalog,
) -> None:
    assert isinstance(load_table(catalog).io, DurableFileIO)


def test_more_properties_reach_pyiceberg(tmp_path: Path) -> None:
    catalog = open_catalog(
        f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}", **{"s3.region": "here"}
    )
    assert catalog.properties["s3.region"] == "here"


def test_a_table_is_parsed_once_until_it_changes_and_each_caller_has_its_own(
    catalog: SqlCatalog,
) -> None:
    first, second = load_table(catalog), load_table(catalog)
    assert first is not second
    assert first.metadata is second.metadata
    first.transaction().set_properties({"test": "1"}).commit_transaction()
    assert "test" not in second.properties
    assert load_table(catalog).properties["test"] == "1"
    second.refresh()
    assert second.properties["test"] == "1"


def test_what_another_process_commits_or_drops_is_seen_at_once(catalog: SqlCatalog) -> None:
    load_table(catalog)
    other = open_catalog(catalog.properties["uri"], catalog.properties["warehouse"])
    load_table(other).transaction().set_properties({"test": "1"}).commit_transaction()
    assert load_table(catalog).properties["test"] == "1"
    other.drop_table(TABLE_IDENTIFIER)
    with pytest.raises(TableNotFound):
        load_table(catalog)
    other.engine.dispose()


def test_a_transaction_copies_the_metadata_once_for_each_change(catalog: SqlCatalog) -> None:
    table = load_table(catalog)
    transaction = table.transaction()
    unchanged = transaction.table_metadata
    assert transaction.table_metadata is unchanged
    transaction.set_properties({"test": "1"})
    changed = transaction.table_metadata
    assert (transaction.table_metadata, changed.properties["test"]) == (changed, "1")
    assert "test" not in unchanged.properties


def test_a_transaction_sees_its_table_when_that_is_refreshed(catalog: SqlCatalog) -> None:
    table = load_table(catalog)
    transaction = table.transaction()
    assert "test" not in transaction.table_metadata.properties
    load_table(catalog).transaction().set_properties({"test": "1"}).commit_transaction()
    table.refresh()
    assert transaction.table_metadata.properties["test"] == "1"
