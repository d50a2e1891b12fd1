"""`backup` and `restore`: copies of the whole lake, made while it runs."""

import os
from pathlib import Path

import click
from flask.cli import with_appcontext
from rich.filesize import decimal

from app.backup.making import make_backup
from app.backup.restoring import restore_backup, verify_lake
from app.cli.commands.migrate import migrate
from app.cli.commands.takedown import run as run_takedowns
from app.cli.commands.takedown_copies import apply as apply_takedowns
from app.cli.errors import shows_errors
from app.services import current_services
from catalog.wording import counted


class _Folder(click.Path):
    """A folder, which an empty argument, such as a variable that isn't set, doesn't name."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """Return the folder's path."""
        if value == "":
            self.fail("it is empty, and not the name of a folder", param, ctx)
        return super().convert(value, param, ctx)


@click.command()
@click.argument("folder", metavar="DIR", type=_Folder())
@with_appcontext
@shows_errors
def backup(folder: Path) -> None:
    """Make a backup in a new folder within DIR, and verify it; the service may run.

    Files that the newest backup in DIR has, or that lie on the disk of DIR, are linked instead of
    copied. Everything acknowledged before the start is in it. Then the rows of every snapshot are
    counted in the backup, and compared with the ledger.
    """
    services = current_services()
    report = make_backup(services.settings, services.ingest.claims, folder)
    click.echo(
        f"{report.folder}: {counted(report.files, 'file')}, {decimal(report.copied_bytes)} copied, "
        f"{report.seconds:.1f} s"
    )
    click.echo(f"verified: {report.snapshots}")
    if services.settings.releases_bucket:
        click.echo("not in it: the releases, which are in a bucket", err=True)


@click.command()
@click.argument("folder", metavar="BACKUP", type=_Folder())
@click.option(
    "--takedowns",
    type=click.Path(exists=True, dir_okay=False),
    help="List of `takedown export`, to take down again what was taken down since.",
)
@click.pass_context
@with_appcontext
@shows_errors
def restore(context: click.Context, folder: Path, takedowns: str | None) -> None:
    """Restore the folder BACKUP where the settings say that the lake is, if nothing is there.

    Every file is compared with its sum first. Then the migrations are run, and the rows of every
    snapshot are counted and compared with the ledger. Start the server afterwards.
    """
    services = current_services()
    manifest = restore_backup(services.settings, folder)
    click.echo(f"restored: the lake as of {manifest.made_at.isoformat(timespec='seconds')}")
    context.invoke(migrate)
    click.echo(f"verified: {verify_lake(services.database, services.catalog)}")
    if takedowns:
        context.invoke(apply_takedowns, source=takedowns)
        context.invoke(run_takedowns)
