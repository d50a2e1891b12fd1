"""`versions`: the index of versions, which is derived from the lake."""

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.services import current_services
from catalog.wording import counted


@click.group()
def versions() -> None:
    """Look after the index of versions, by which the committer finds what a version replaced."""


@versions.command()
@click.option(
    "--replaced", "is_replaced_anew", is_flag=True, help="Write the table `replaced` anew too."
)
@with_appcontext
@shows_errors
def rebuild(*, is_replaced_anew: bool) -> None:
    """Empty the index and fill it from the lake, also while the service runs.

    Commits wait meanwhile, and submissions and readers don't. When the command is cut off, the
    index is as it was before. Without --replaced, the table `replaced` only gets what it lacks
    of the newest commits.
    """
    count = current_services().versions.filling().fill(is_replaced_anew=is_replaced_anew)
    click.echo(f"the index has {counted(count, 'version')}")
