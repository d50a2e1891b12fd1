"""`text-index`: build, drop or describe this node's index of texts."""

from threading import Event

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.services import current_services
from catalog.wording import counted


@click.group("text-index")
def text_index() -> None:
    """Find texts quickly; the committer's process builds this node's index on its own."""


@text_index.command("build")
@with_appcontext
@shows_errors
def build() -> None:
    """Index now whatever isn't indexed, as quickly as possible."""
    indexing = current_services().reading.text_indexing()
    for indexed in indexing.step(Event()):
        click.echo(str(indexed))
    click.echo(str(indexing.status()))


@text_index.command("drop")
@with_appcontext
@shows_errors
def drop() -> None:
    """Remove the index; the committer's process builds it again unless a setting forbids it."""
    click.echo(f"removed {counted(current_services().reading.text_indexing().drop(), 'file')}")


@text_index.command("status")
@with_appcontext
@shows_errors
def status() -> None:
    """Say how much of the newest snapshot is indexed on this node."""
    click.echo(str(current_services().reading.text_indexing().status()))
