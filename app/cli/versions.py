"""`versions`: the index of versions, which is derived from the lake."""

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.services import current_services


@click.group()
def versions() -> None:
    """Look after the index of versions, by which the committer finds what a version replaced."""


@versions.command()
@with_appcontext
@shows_errors
def rebuild() -> None:
    """Empty the index and fill it from the lake, also while the service runs.

    Commits wait meanwhile, and submissions and readers don't. When the command is cut off, the
    index is as it was before.
    """
    count = current_services().version_filling().fill()
    click.echo(f"the index has {count:,} versions")
