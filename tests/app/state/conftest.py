"""Fixtures for the tests of the relational database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.state.db import Database
from app.state.models import Base


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database with the tables."""
    made = Database(f"sqlite:///{tmp_path}/test.db")
    with made.write() as connection:
        Base.metadata.create_all(connection)
    yield made
    made.dispose()
