"""`settings`: every setting, in the table that docs/settings.md has."""

from dataclasses import MISSING, fields
from typing import get_args, get_type_hints

import click
from flask.cli import with_appcontext
from msgspec import Meta

from app.settings import PREFIX, Settings

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
    """Show every setting with its default, as a Markdown table."""
    click.echo(settings_table(), nl=False)


def settings_table() -> str:
    """Return the table of all settings in Markdown."""
    hints = get_type_hints(Settings, include_extras=True)
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for field in fields(Settings):
        meta = next(hint for hint in get_args(hints[field.name]) if isinstance(hint, Meta))
        default = _DEFAULTS.get(field.name) or _default(field.default)
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {default} | {meta.description} |")
    return "\n".join(rows) + "\n"


def _default(value: object) -> str:
    return "unset" if value is None or value is MISSING else f"`{value}`"
