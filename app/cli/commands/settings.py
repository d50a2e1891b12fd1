"""`settings`: every setting, in the tables that docs/settings.md has."""

from dataclasses import MISSING, Field, fields
from typing import Any, get_args, get_type_hints

import click
from flask.cli import with_appcontext
from msgspec import Meta

from app.settings import PREFIX, Settings, SettingsGroup

_IN_HOME = "in the home folder"
_DEFAULTS = {
    "home": "`data`",
    "database_url": f"SQLite {_IN_HOME}",
    "catalog_uri": f"SQLite {_IN_HOME}",
    "warehouse": f"a folder {_IN_HOME}",
}


@click.command()
@with_appcontext
def settings() -> None:
    """Show every setting with its default, as Markdown: a table for each group."""
    click.echo(settings_tables(), nl=False)


def settings_tables() -> str:
    """Return the tables of all settings in Markdown, each under the heading of its group."""
    return "\n".join(_table(group) for group in Settings.groups())


def _table(group: type[SettingsGroup]) -> str:
    hints = get_type_hints(group, include_extras=True)
    rows = [_row(field, hints[field.name]) for field in fields(group)]
    head = [f"## {group.heading}", "| variable | default | meaning |", "| --- | --- | --- |"]
    return "\n".join(head + rows) + "\n"


def _row(field: Field[Any], hint: object) -> str:
    meta = next(each for each in get_args(hint) if isinstance(each, Meta))
    default = _DEFAULTS.get(field.name) or _default(field.default)
    return f"| `{PREFIX}{field.name.upper()}` | {default} | {meta.description} |"


def _default(value: object) -> str:
    return "unset" if value is None or value is MISSING else f"`{value}`"
