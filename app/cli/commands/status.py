"""`status`: what the lake holds and what waits to be committed, for people to read."""

import click
from flask.cli import with_appcontext

from app.failures import EXPECTED, reason_for
from app.services import current_services
from app.status import read_status


@click.command()
@with_appcontext
def status() -> None:
    """Show what the lake holds and what waits to be committed.

    Each part is read on its own. The exit code is 1 when a part can't be read.
    """
    unreadable = []
    for part in read_status(current_services(), EXPECTED):
        for fact in part.facts:
            click.echo(f"{fact.name:15} {fact.text}")
        if part.error:
            click.echo(f"{part.name:15} can't be read: {reason_for(part.error)}")
            unreadable.append(part.name)
    if unreadable:
        raise click.ClickException(
            f"can't read {', '.join(unreadable)}; is it there, and were the migrations run?"
        )
