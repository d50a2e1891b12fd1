"""A catalog and a raw table for each test, without the service."""

from collections.abc import Iterator

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from app.settings import Settings
from catalog.connection import open_catalog
from catalog.table import load_table
from tests.catalog.races import InterruptedCatalog


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
