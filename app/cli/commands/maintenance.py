"""`maintenance`: thin, compact and remove orphans on request."""

from threading import Event

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.services import current_services


@click.group()
def maintenance() -> None:
    """Keep the lake small; the committer does the same on schedule."""


@maintenance.command("thin")
@click.option("--dry-run", is_flag=True, help="Only say how many snapshots it would be.")
@with_appcontext
@shows_errors
def thin(dry_run: bool) -> None:
    """Thin old snapshots of the contributions, which still resolve, and of the stages."""
    service = current_services().jobs.maintenance()
    for result in (service.thinning.thin(dry_run), *service.thinning.thin_stages(dry_run)):
        click.echo(f"{_would(dry_run)}{result}")


@maintenance.command("compact")
@click.option("--dry-run", is_flag=True, help="Only say which days have small files.")
@with_appcontext
@shows_errors
def compact(dry_run: bool) -> None:
    """Rewrite the small files of each day into fewer, larger ones."""
    service = current_services().jobs.maintenance()
    results = service.compaction.small_files() if dry_run else service.compaction.compact(Event())
    for result in results:
        click.echo(f"{_would(dry_run)}{result}")
    if not dry_run and (replaced := service.compaction.compact_replaced()).changed:
        click.echo(str(replaced))


@maintenance.command("remove-orphans")
@click.option(
    "--dry-run/--delete", default=True, show_default=True, help="List the files, or remove them."
)
@with_appcontext
@shows_errors
def remove_orphans(dry_run: bool) -> None:
    """Find, or remove, files of the table that nothing refers to."""
    result = current_services().jobs.maintenance().orphans.remove(dry_run)
    for path in result.paths:
        click.echo(path)
    click.echo(f"{_would(dry_run)}{'found' if dry_run else 'removed'} {result}")


def _would(dry_run: bool) -> str:
    return "dry run: " if dry_run else ""
