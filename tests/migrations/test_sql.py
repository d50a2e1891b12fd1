from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import migrations.sql
from app.db import Database
from app.models import Base


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    made = Database(f"sqlite:///{tmp_path}/test.db")
    yield made
    made.dispose()


def _statements(database: Database) -> dict[str, str]:
    """Return SQLite's own account of what there is, without white space."""
    with database.read() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {name: "".join(sql.split()) for name, sql in rows if name != "alembic_version"}


def test_the_revisions_make_the_tables_that_the_models_describe(database: Database) -> None:
    with database.write() as connection:
        migrations.sql.upgrade(connection)
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_revisions_make_what_alembic_does_not_compare_too(
    database: Database, tmp_path: Path
) -> None:
    """Such as the conditions of partial indexes, and that ids are never given out again."""
    with database.write() as connection:
        migrations.sql.upgrade(connection)
    modelled = Database(f"sqlite:///{tmp_path}/modelled.db")
    with modelled.write() as connection:
        Base.metadata.create_all(connection)
    assert _statements(database) == _statements(modelled)
    modelled.dispose()


def test_upgrading_again_changes_nothing(database: Database) -> None:
    with database.write() as connection:
        migrations.sql.upgrade(connection)
        connection.execute(
            text("INSERT INTO claims VALUES ('t', 'b', x'', '2026-01-01 00:00:00.000000')")
        )
    before = _statements(database)
    with database.write() as connection:
        migrations.sql.upgrade(connection)
    assert _statements(database) == before
    with database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM claims")) == 1


def test_an_upgraded_database_is_at_the_newest_revision(database: Database) -> None:
    with database.write() as connection:
        migrations.sql.upgrade(connection)
        script = ScriptDirectory.from_config(migrations.sql.configuration(connection))
        revision = MigrationContext.configure(connection).get_current_revision()
        assert script.get_heads() == [revision]


def test_an_upgrade_that_is_cut_off_leaves_nothing_half_made(database: Database) -> None:
    with pytest.raises(KeyboardInterrupt), database.write() as connection:
        migrations.sql.upgrade(connection)
        raise KeyboardInterrupt
    with database.read() as connection:
        assert inspect(connection).get_table_names() == []
    with database.write() as connection:
        migrations.sql.upgrade(connection)
        assert set(Base.metadata.tables) < set(inspect(connection).get_table_names())
