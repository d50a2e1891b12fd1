"""A catalog and a raw table for each test, without the service."""

from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

import migrations.lake
from catalog.connection import open_catalog
from catalog.table import load_table
from tests.catalog.races import InterruptedCatalog


@pytest.fixture
def catalog(tmp_path: Path) -> SqlCatalog:
    """A migrated, empty lake."""
    made = open_catalog(f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/warehouse")
    migrations.lake.upgrade(made)
    return made


@pytest.fixture
def table(catalog: SqlCatalog) -> Table:
    """The raw table of the empty lake."""
    return load_table(catalog)


@pytest.fixture
def interrupted(catalog: SqlCatalog) -> InterruptedCatalog:
    """A second catalog of the same lake, whose commits can be interrupted."""
    return InterruptedCatalog(catalog.properties["uri"], catalog.properties["warehouse"])
