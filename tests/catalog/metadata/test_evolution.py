from collections.abc import Iterator
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException

from catalog.connection import open_catalog
from catalog.metadata.evolution import evolve
from catalog.schema import SCHEMA, TABLE_IDENTIFIER
from catalog.table import load_table
from tests.catalog.races import InterruptedCatalog, PowerCut, cut_power
from tests.factories import make_received
from tests.old_lakes import append_old, make_old_tables


@pytest.fixture
def old(tmp_path: Path) -> Iterator[SqlCatalog]:
    """The catalog of a lake whose raw table has its first columns and a row."""
    made = open_catalog(f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/warehouse")
    make_old_tables(made)
    append_old(load_table(made), [make_received(0)])
    yield made
    made.engine.dispose()


def test_a_table_gets_the_schema_with_its_ids_and_keeps_the_one_that_it_had(
    old: SqlCatalog,
) -> None:
    before = load_table(old)
    evolve(old, TABLE_IDENTIFIER, SCHEMA)
    table = load_table(old)
    assert table.schema().fields == SCHEMA.fields
    assert table.schema().identifier_field_ids == SCHEMA.identifier_field_ids
    assert table.metadata.last_column_id == SCHEMA.highest_field_id
    assert [known.fields for known in table.metadata.schemas[:-1]] == [before.schema().fields]
    assert table.metadata.snapshots == before.metadata.snapshots


def test_a_table_that_has_the_schema_is_left_as_it_is(old: SqlCatalog) -> None:
    evolve(old, TABLE_IDENTIFIER, SCHEMA)
    before = load_table(old).metadata_location
    evolve(old, TABLE_IDENTIFIER, SCHEMA)
    assert load_table(old).metadata_location == before


def test_of_two_that_change_a_table_at_once_one_is_told(old: SqlCatalog) -> None:
    slower = InterruptedCatalog(old.properties["uri"], old.properties["warehouse"])
    slower.before_swap = lambda: evolve(old, TABLE_IDENTIFIER, SCHEMA)
    with pytest.raises(CommitFailedException):
        evolve(slower, TABLE_IDENTIFIER, SCHEMA)
    assert len(load_table(old).metadata.schemas) == 2


def test_a_change_that_is_cut_off_leaves_the_table_and_can_be_made_again(old: SqlCatalog) -> None:
    before = load_table(old).metadata_location
    cut_off = InterruptedCatalog(old.properties["uri"], old.properties["warehouse"])
    cut_off.before_swap = cut_power
    with pytest.raises(PowerCut):
        evolve(cut_off, TABLE_IDENTIFIER, SCHEMA)
    assert load_table(old).metadata_location == before
    evolve(old, TABLE_IDENTIFIER, SCHEMA)
    assert load_table(old).schema().fields == SCHEMA.fields
