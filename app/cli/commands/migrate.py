"""`migrate`: create or upgrade the stored state."""

import click
from flask.cli import with_appcontext

import migrations.lake
import migrations.sql
from app.cli.errors import shows_errors
from app.services import Services, current_services
from app.state.locks import holding
from catalog.snapshots import newest_number
from catalog.table import load_table

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
        services.reading.file_counts.create()
        _complete_versions(services)


def _complete_versions(services: Services) -> None:
    """Bring the index of versions to the raw table.

    A power cut may have taken the newest versions. An index that is missing, or that is newer than
    a lake which was restored from a backup, is filled anew.
    """
    number = newest_number(load_table(services.catalog))
    is_lost = services.versions.index.is_lost()
    # The index of a lake with rows is filled where it is made, so that nobody asks an empty one.
    if not (is_lost and number):
        services.versions.index.create()
    known = 0 if is_lost else services.versions.index.watermark()
    if known > number or (number and not known):
        click.echo("index of versions: filled anew, since it isn't this lake's")
        services.versions.filling().fill()
    services.versions.recorder.catch_up()
