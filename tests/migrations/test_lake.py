import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from sqlalchemy import inspect

import migrations.lake
import migrations.sql
from app.releases.registry import Registry
from app.services import Services
from app.state import ledger_changes
from app.state.db import Database
from catalog.columns.arrow import to_arrow
from catalog.connection import open_catalog
from catalog.metadata.evolution import evolve
from catalog.schema import (
    METRICS_PROPERTIES,
    NAMESPACE,
    PARTITION_SPEC,
    SCHEMA,
    TABLE_IDENTIFIER,
    TABLE_PROPERTIES,
)
from catalog.snapshots import tag_snapshot
from catalog.stages.tables import COMPUTED_STAGES, DROPPED_SCHEMA
from catalog.table import append_batch, find_batch, load_table
from migrations.lake import (
    REVISION_PROPERTY,
    step_0001_contributions,
    step_0007_terms_version,
    step_0010_unbounded_columns,
    step_0011_releases_in_the_ledger,
    step_0016_row_index,
    steps,
)
from tests.app.releases.factories import make_recipe
from tests.catalog.races import InterruptedCatalog, PowerCut, cut_power
from tests.factories import commit_batch, make_contribution, make_received


@pytest.fixture
def catalog(tmp_path: Path) -> SqlCatalog:
    """An empty catalog."""
    return open_catalog(f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/warehouse")


def _revision(catalog: SqlCatalog) -> str | None:
    return catalog.load_namespace_properties(NAMESPACE).get(REVISION_PROPERTY)


@pytest.mark.slow
def test_an_empty_lake_has_every_step_run_and_says_how_far_it_has_come(
    catalog: SqlCatalog, database: Database
) -> None:
    assert migrations.lake.upgrade(catalog, database) == steps()
    assert _revision(catalog) == steps()[-1]


@pytest.mark.slow
def test_upgrading_again_runs_nothing(catalog: SqlCatalog, database: Database) -> None:
    migrations.lake.upgrade(catalog, database)
    before = load_table(catalog).metadata_location
    assert migrations.lake.upgrade(catalog, database) == []
    assert load_table(catalog).metadata_location == before


def test_steps_are_numbered_without_gap_or_double() -> None:
    numbers = [re.fullmatch(r"step_(\d{4})_\w+", name) for name in steps()]
    found = [int(number[1]) for number in numbers if number]
    assert found == list(range(1, len(steps()) + 1))


@pytest.mark.slow
def test_the_migrated_table_is_the_one_that_the_schema_describes(
    catalog: SqlCatalog, database: Database
) -> None:
    migrations.lake.upgrade(catalog, database)
    table = load_table(catalog)
    assert table.schema().fields == SCHEMA.fields
    assert table.schema().identifier_field_ids == SCHEMA.identifier_field_ids
    assert table.spec() == PARTITION_SPEC
    # The format version is not kept as a property.
    kept = {name: text for name, text in TABLE_PROPERTIES.items() if name != "format-version"}
    assert kept.items() <= table.properties.items()
    assert str(table.metadata.format_version) == TABLE_PROPERTIES["format-version"]


@pytest.mark.slow
def test_the_migrated_tables_of_stages_are_those_that_the_schemas_describe(
    catalog: SqlCatalog,
    database: Database,
) -> None:
    migrations.lake.upgrade(catalog, database)
    for tables in COMPUTED_STAGES.values():
        assert load_table(catalog, tables.rows).schema().fields == tables.schema.fields
        assert load_table(catalog, tables.dropped).schema().fields == DROPPED_SCHEMA.fields


@pytest.mark.slow
def test_a_step_that_was_cut_off_before_it_was_noted_is_run_again_and_harms_nothing(
    catalog: SqlCatalog,
    database: Database,
) -> None:
    migrations.lake.upgrade(catalog, database)
    batch_id = uuid4()
    append_batch(load_table(catalog), batch_id, [make_contribution()])
    catalog.update_namespace_properties(NAMESPACE, removals={REVISION_PROPERTY})
    assert migrations.lake.upgrade(catalog, database) == steps()
    assert find_batch(load_table(catalog), batch_id) is not None
    assert _revision(catalog) == steps()[-1]


@pytest.mark.slow
def test_an_upgrade_that_is_cut_off_while_the_table_is_made_can_be_run_again(
    catalog: SqlCatalog,
    database: Database,
) -> None:
    cut_off = InterruptedCatalog(catalog.properties["uri"], catalog.properties["warehouse"])
    cut_off.before_swap = cut_power
    with pytest.raises(PowerCut):
        migrations.lake.upgrade(cut_off, database)
    assert not catalog.table_exists(TABLE_IDENTIFIER)
    assert _revision(catalog) is None
    assert migrations.lake.upgrade(catalog, database) == steps()
    assert load_table(catalog).current_snapshot() is None


@pytest.mark.slow
def test_a_lake_goes_on_from_the_step_that_it_has_come_to(
    catalog: SqlCatalog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.lake.upgrade(catalog, database)
    newer = ["step_9998_first", "step_9999_second"]
    monkeypatch.setattr(migrations.lake, "steps", lambda: [*steps(), *newer])
    ran: list[str] = []

    def load(name: str) -> Any:
        class Step:
            @staticmethod
            def upgrade(_: SqlCatalog, _database: Database) -> None:
                ran.append(name.rpartition(".")[2])
                if ran.count(newer[1]) == 1 and ran[-1] == newer[1]:
                    raise PowerCut

        return Step

    monkeypatch.setattr(migrations.lake, "import_module", load)
    with pytest.raises(PowerCut):
        migrations.lake.upgrade(catalog, database)
    assert _revision(catalog) == newer[0]
    assert migrations.lake.upgrade(catalog, database) == [newer[1]]
    assert ran == [newer[0], newer[1], newer[1]]
    assert _revision(catalog) == newer[1]


def test_a_table_without_the_version_of_terms_gets_it_and_keeps_its_rows(
    catalog: SqlCatalog,
) -> None:
    before = Schema(*(field for field in SCHEMA.fields if field.name != "terms_version"))
    catalog.create_namespace(NAMESPACE)
    step_0001_contributions.upgrade(catalog)
    evolve(catalog, TABLE_IDENTIFIER, before)
    load_table(catalog).append(to_arrow([make_contribution()]).drop_columns("terms_version"))
    for _ in range(2):
        step_0007_terms_version.upgrade(catalog)
    table = load_table(catalog)
    assert table.schema().fields == SCHEMA.fields
    assert table.scan().to_arrow()["terms_version"].to_pylist() == [None]


@pytest.mark.slow
def test_tables_that_kept_bounds_of_what_people_wrote_keep_them_no_more(
    catalog: SqlCatalog, database: Database
) -> None:
    migrations.lake.upgrade(catalog, database)
    with load_table(catalog).transaction() as transaction:
        transaction.remove_properties(*METRICS_PROPERTIES)
    step_0010_unbounded_columns.upgrade(catalog)
    table = load_table(catalog)
    assert METRICS_PROPERTIES.items() <= table.properties.items()
    step_0010_unbounded_columns.upgrade(catalog)
    assert load_table(catalog).metadata_location == table.metadata_location


def test_counts_and_indexes_of_before_are_made_anew(services: Services) -> None:
    commit_batch(services, make_received(0, contributor_id="ad" * 16))
    services.reading.summary_job().step()
    with services.reading.file_counts.database.write() as connection:
        connection.exec_driver_sql("DROP TABLE file_counts")
        for table in ("file_counts", "contributor_files"):
            connection.exec_driver_sql(f"CREATE TABLE {table} (path TEXT PRIMARY KEY)")
    step_0016_row_index.upgrade(services.catalog, services.database)
    assert services.reading.row_indexing.paths() == services.reading.file_counts.paths() == set()
    with services.reading.file_counts.database.read() as connection:
        assert "contributor_files" not in inspect(connection).get_table_names()
    services.reading.summary_job().step()
    assert services.reading.row_indexing.paths() == services.reading.file_counts.paths() != set()


@pytest.mark.slow
def test_tags_of_releases_leave_the_raw_table_and_others_stay(
    catalog: SqlCatalog, database: Database
) -> None:
    migrations.lake.upgrade(catalog, database)
    snapshots = [
        append_batch(load_table(catalog), uuid4(), [make_contribution()]) for _ in range(2)
    ]
    registry = Registry(database)
    for name in ("published", "failed", "moved"):
        tag_snapshot(load_table(catalog), name, snapshots[0].snapshot_id)
    tag_snapshot(load_table(catalog), "of an engine", snapshots[0].snapshot_id)
    with database.write() as connection:
        ledger_changes.record(connection, snapshots)
    for name, number in (("published", 0), ("failed", None), ("moved", 1)):
        with suppress(KeyboardInterrupt), registry.building(make_recipe(name)) as (build, _):
            if number is None:
                raise KeyboardInterrupt
            build.mark_published(1, snapshots[number].sequence_number)
    for _ in range(2):
        step_0011_releases_in_the_ledger.upgrade(catalog, database)
        assert set(load_table(catalog).metadata.refs) == {"main", "failed", "moved", "of an engine"}
