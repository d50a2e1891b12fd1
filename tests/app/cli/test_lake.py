"""The commands as a whole: each is imported when it is asked for."""

from importlib import import_module
from pathlib import Path

import click
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
    assert {command for module in modules for command in _commands_in(module)} <= {*listed}


def _commands_in(module: object) -> set[str | None]:
    """The names of the commands that a module defines and that belong to no group of it."""
    commands = [each for each in vars(module).values() if isinstance(each, click.Command)]
    inner = {
        child
        for each in commands
        if isinstance(each, click.Group)
        for child in each.commands.values()
    }
    return {each.name for each in commands if each not in inner}


def test_an_unknown_command_is_none(app: Flask) -> None:
    assert app.cli.get_command(click.Context(app.cli), "unknown") is None
