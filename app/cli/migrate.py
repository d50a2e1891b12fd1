"""`migrate`: create or upgrade the stored state."""

import click
from flask.cli import with_appcontext

import migrations.lake
import migrations.sql
from app.cli.errors import shows_errors
from app.services import current_services
from app.state.locks import holding

_LOCK = "migration"


@click.command()
@with_appcontext
@shows_errors
def migrate() -> None:
    """Create or upgrade the journal, the ledger and the table, where they are out of date."""
    services = current_services()
    services.database.make_folder()
    # Nodes that start together all migrate; those that come later find everything done.
    with holding(services.database.lock(_LOCK)):
        with services.database.write() as connection:
            migrations.sql.upgrade(connection)
        for step in migrations.lake.upgrade(services.catalog, services.database):
            click.echo(f"lake: {step}")
