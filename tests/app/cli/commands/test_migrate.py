import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import inspect

from app import create_app
from app.services import Services, current_services
from app.settings import Settings
from app.state.models import Base
from catalog.schema import SCHEMA
from catalog.table import load_table
from migrations.lake import steps
from tests.factories import commit_batch, make_received
from tests.functional.server import ROOT, clean_environment

STEPS = "".join(f"lake: {step}\n" for step in steps())


@pytest.fixture
def fresh(new_settings: Settings) -> Iterator[Flask]:
    """The application before any state is created."""
    application = create_app(new_settings)
    yield application
    with application.app_context():
        current_services().close()


@pytest.mark.slow
def test_migrating_creates_everything_and_prints_it(fresh: Flask, new_settings: Settings) -> None:
    result = fresh.test_cli_runner().invoke(args=["migrate"])
    assert result.exit_code == 0
    assert result.output == STEPS
    made = {path.name for path in new_settings.home.iterdir()}
    assert {"chatlake.db", "catalog.db", "warehouse"} <= made


@pytest.mark.both
def test_migrating_twice_changes_nothing(services: Services, runner: FlaskCliRunner) -> None:
    snapshot = commit_batch(services, make_received())
    metadata = load_table(services.catalog).metadata_location
    result = runner.invoke(args=["migrate"])
    assert (result.exit_code, result.output) == (0, "")
    table = load_table(services.catalog)
    assert table.metadata_location == metadata
    assert [each.snapshot_id for each in table.metadata.snapshots] == [snapshot.snapshot_id]


@pytest.mark.slow
@pytest.mark.both
def test_nodes_that_migrate_at_once_wait_for_each_other(new_settings: Settings) -> None:
    environment = clean_environment(
        {name: value for name, value in asdict(new_settings).items() if value is not None}
    )
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "migrate"]
    nodes = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [node.communicate(timeout=60)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0]
    assert sorted(outputs) == ["", STEPS]


@pytest.mark.both
def test_migrating_makes_the_tables_of_the_models_and_the_schema_of_the_lake(
    services: Services,
) -> None:
    with services.database.read() as connection:
        tables = inspect(connection).get_table_names()
        columns = {name: inspect(connection).get_columns(name) for name in Base.metadata.tables}
    assert {*Base.metadata.tables} <= {*tables}
    for name, table in Base.metadata.tables.items():
        assert {column["name"] for column in columns[name]} == {*table.columns.keys()}
    assert load_table(services.catalog).schema().as_struct() == SCHEMA.as_struct()


def test_an_impossible_home_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    app = create_app(Settings.at(tmp_path / "file" / "home"))
    result = app.test_cli_runner().invoke(args=["migrate"])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert str(tmp_path / "file") in line
