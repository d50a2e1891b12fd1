"""`map`: build, list, gate and remove maps."""

import click
from flask.cli import with_appcontext

from app.access.roles import Role
from app.cli.errors import shows_errors
from app.cli.gates import ROLE_OPTION
from app.cli.progress import progress_bar
from app.cli.reference import takes_reference
from app.maps.description import MapParameters
from app.maps.points.embed import DEFAULT_EMBEDDING, EMBEDDINGS, Embedding
from app.maps.store import MAP_NAMES
from app.maps.texts import POINT, POINT_KINDS, PointKind
from app.query.snapshots import Reference
from app.services import current_services
from catalog.stages.tables import STAGES, Stage
from catalog.wording import counted


@click.group("map")
def commands() -> None:
    """Build, list, gate and remove maps."""


@commands.command()
@click.argument("name")
@click.option("--stage", type=click.Choice(STAGES), help="The stage to map; raw by default.")
@click.option("--release", "release_name", help="The release to map, instead of a stage.")
@takes_reference
@click.option(
    "--kind",
    type=click.Choice(POINT_KINDS),
    default="conversations",
    show_default=True,
    help="What a point is: a conversation, or a prompt with its response.",
)
@click.option(
    "--embedding",
    type=click.Choice(EMBEDDINGS),
    default=DEFAULT_EMBEDDING,
    show_default=True,
    help="The embedding by which texts are compared.",
)
@with_appcontext
@shows_errors
def build(
    name: str,
    stage: Stage | None,
    release_name: str | None,
    reference: Reference,
    kind: PointKind,
    embedding: Embedding,
) -> None:
    """Build map NAME of a stage as of a snapshot, or of the rows of a release."""
    maps = current_services().publishing.maps
    parameters = MapParameters(kind=kind, embedding=embedding)
    if release_name is not None and (stage is not None or reference != Reference()):
        raise click.UsageError("A release has its stage and snapshot: give --release alone.")
    with progress_bar() as bar:
        task = bar.add_task(name, total=None)

        def progress(rows: int) -> None:
            bar.advance(task, rows)

        if release_name is not None:
            made = maps.build_of_release(name, release_name, parameters, progress)
        else:
            made = maps.build(name, stage or "raw", reference, parameters, progress)
    points = counted(made.rows, POINT[made.parameters.kind])
    click.echo(
        f"{maps.location(name)}: {points} in {counted(made.clusters, 'cluster')}, "
        f"{made.source.stage}, snapshot {made.source.snapshot_id}"
    )


@commands.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List the maps."""
    for found in current_services().publishing.maps.all():
        source = found.source
        click.echo(f"{found.name}\t{source.stage}\t{found.rows}\t{source.snapshot_id}")


@commands.command()
@click.argument("name")
@with_appcontext
@shows_errors
def remove(name: str) -> None:
    """Remove map NAME."""
    current_services().publishing.maps.remove(name)


@commands.command()
@click.argument("name")
@ROLE_OPTION
@with_appcontext
@shows_errors
def gate(name: str, role: Role) -> None:
    """Open map NAME to API keys only. It may be gated before it is built."""
    MAP_NAMES.check(name)
    current_services().access.gates.close("map", name, role)
    click.echo(f"within seconds, map {name} needs a key with the role {role}")


@commands.command()
@click.argument("name")
@with_appcontext
@shows_errors
def ungate(name: str) -> None:
    """Remove the gate of map NAME; its stage or its release may still need a key."""
    was_gated = current_services().access.gates.open("map", name)
    click.echo(f"map {name} {'has no gate any more' if was_gated else 'had no gate'}")
