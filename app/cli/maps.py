"""`map`: build, list and remove maps."""

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.cli.progress import progress_bar
from app.cli.reference import takes_reference
from app.maps.description import Parameters
from app.maps.embed import DEFAULT_EMBEDDING, EMBEDDINGS, Embedding
from app.maps.service import STAGES, MapStage, build_map_of, build_map_of_release
from app.maps.shelf import list_maps, remove_map
from app.maps.texts import KINDS, Kind
from app.query.reference import Reference
from app.services import current_services


@click.group("map")
def maps() -> None:
    """Build, list and remove maps."""


@maps.command()
@click.argument("name")
@click.option("--stage", type=click.Choice(STAGES), help="Whose rows; raw by default.")
@click.option("--release", "release_name", help="The rows of the stage that a release holds.")
@takes_reference
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="conversations",
    show_default=True,
    help="What a point is: a conversation, or a prompt with its response.",
)
@click.option(
    "--embedding",
    type=click.Choice(EMBEDDINGS),
    default=DEFAULT_EMBEDDING,
    show_default=True,
    help="What texts are compared by.",
)
@with_appcontext
@shows_errors
def build(
    name: str,
    stage: MapStage | None,
    release_name: str | None,
    reference: Reference,
    kind: Kind,
    embedding: Embedding,
) -> None:
    """Make map NAME of a stage as of a snapshot, or of what a release holds."""
    services = current_services()
    parameters = Parameters(kind=kind, embedding=embedding)
    if release_name is not None and (stage is not None or reference != Reference()):
        raise click.UsageError("A release has its stage and snapshot: give --release alone.")
    with progress_bar() as bar:
        task = bar.add_task(name, total=None)

        def progress(rows: int) -> None:
            bar.advance(task, rows)

        if release_name is not None:
            made = build_map_of_release(services, name, release_name, parameters, progress)
        else:
            made = build_map_of(services, name, stage or "raw", reference, parameters, progress)
    folder = services.settings.maps / name
    click.echo(
        f"{folder}: {made.rows} {made.parameters.kind} in {made.clusters} clusters, "
        f"{made.source.stage}, snapshot {made.source.snapshot_id}"
    )


@maps.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List the maps."""
    for each in list_maps(current_services().settings.maps):
        source = each.source
        click.echo(f"{each.name}\t{source.stage}\t{each.rows}\t{source.snapshot_id}")


@maps.command()
@click.argument("name")
@with_appcontext
@shows_errors
def remove(name: str) -> None:
    """Remove map NAME."""
    remove_map(current_services().settings.maps, name)
