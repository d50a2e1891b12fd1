"""`release`: build and list releases."""

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.errors import shows_errors
from app.cli.reference import takes_reference
from app.query.reference import Reference
from app.releases.build import build_raw
from app.releases.errors import NothingToRelease
from app.releases.shelf import list_releases
from app.services import current_services


@click.group()
def release() -> None:
    """Build and list releases."""


@release.command()
@click.argument("name")
@click.option("--stage", type=click.Choice(["raw"]), required=True, help="What the release holds.")
@takes_reference
@click.option("--licence", help="SPDX id of the licence; CHATLAKE_LICENCE by default.")
@with_appcontext
@shows_errors
def build(name: str, stage: str, reference: Reference, licence: str | None) -> None:
    """Publish a stage of a snapshot as release NAME. A name is used once."""
    services = current_services()
    view = services.view(reference)
    if view.snapshot is None:
        raise NothingToRelease
    with _progress() as progress:
        task = progress.add_task(f"{name} ({stage})", total=view.snapshot.total_rows)
        manifest = build_raw(
            view.table,
            view.snapshot,
            services.settings.releases,
            name,
            licence or services.settings.licence,
            progress=lambda rows: progress.advance(task, rows),
        )
    folder = services.settings.releases / name
    click.echo(
        f"{folder}: {manifest.rows} contributions in {len(manifest.files)} files, "
        f"snapshot {manifest.snapshot_id}"
    )


@release.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List the published releases."""
    for manifest in list_releases(current_services().settings.releases):
        click.echo(f"{manifest.name}\t{manifest.stage}\t{manifest.rows}\t{manifest.snapshot_id}")


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        # In a log it would leave an empty line.
        disable=not console.is_terminal,
    )
