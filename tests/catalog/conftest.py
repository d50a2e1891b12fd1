"""A catalog and a raw table for each test, without the service."""

from collections.abc import Iterator

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from app.settings import Settings
from catalog.connection import open_catalog
from catalog.snapshots import Snapshot
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.catalog.days import DAYS, append_rows, on
from tests.catalog.races import InterruptedCatalog
from tests.factories import make_contribution


@pytest.fixture
def catalog(settings: Settings) -> Iterator[SqlCatalog]:
    """The catalog of a migrated, empty lake."""
    made = open_catalog(settings.catalog_uri, settings.warehouse)
    yield made
    made.engine.dispose()


@pytest.fixture
def table(catalog: SqlCatalog) -> Table:
    """The raw table of the empty lake."""
    return load_table(catalog)


@pytest.fixture
def interrupted(catalog: SqlCatalog) -> InterruptedCatalog:
    """A second catalog of the same lake, whose commits can be interrupted."""
    return InterruptedCatalog(catalog.properties["uri"], catalog.properties["warehouse"])


@pytest.fixture
def snapshot(table: Table) -> Snapshot:
    """The newest snapshot of a table with a file for each of three days."""
    return append_rows(table, [make_contribution(received_at=on(day)) for day in DAYS])


@pytest.fixture
def dropped(catalog: SqlCatalog) -> Table:
    """The simplest table of a stage."""
    return load_table(catalog, COMPUTED_STAGES["curated"].dropped)
