from collections.abc import Iterator
from pathlib import Path

import pytest

import migrations.sql
from app.state.db import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """The migrated database of the lake."""
    made = Database(f"sqlite:///{tmp_path}/chatlake.db")
    with made.write() as connection:
        migrations.sql.upgrade(connection)
    yield made
    made.dispose()
