"""The group of all commands, which imports each when it is run."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from flask import Flask

ROOT = Path(__file__).parents[3]


def test_every_command_of_the_folder_is_listed_under_its_own_name(app: Flask) -> None:
    context = click.Context(app.cli)
    listed = {name: app.cli.get_command(context, name) for name in app.cli.list_commands(context)}
    stems = {path.stem for path in (ROOT / "app" / "cli").glob("*.py")} - {"__init__", "lake"}
    modules = [import_module(f"app.cli.{stem}") for stem in stems]
    for name, command in listed.items():
        assert command is not None
        assert command.name == name
    commands = [each for module in modules for each in _commands_in(module)]
    inner = {
        child
        for command in commands
        if isinstance(command, click.Group)
        for child in command.commands.values()
    }
    assert {command.name for command in commands if command not in inner} <= {*listed}


def _commands_in(module: object) -> list[click.Command]:
    return [value for value in vars(module).values() if isinstance(value, click.Command)]


@pytest.mark.slow
def test_usage_names_the_script_and_not_the_program_that_it_runs(tmp_path: Path) -> None:
    environment = os.environ | {"CHATLAKE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "app.cli.lake", "key", "create"]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stderr.startswith("Usage: scripts/lake key create [OPTIONS] NAME\n")


def test_an_unknown_command_is_none(app: Flask) -> None:
    assert app.cli.get_command(click.Context(app.cli), "unknown") is None
