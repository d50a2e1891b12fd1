"""`release build`: its progress in a terminal, and the maps of the release."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.cli.progress import progress_bar
from app.cli.recipe import takes_recipe
from app.cli.reference import takes_reference
from app.failures import EXPECTED, reason_for
from app.maps.description import MapParameters
from app.maps.texts import POINT
from app.query.snapshots import Reference
from app.releases.descriptions.card import ROW
from app.releases.errors import NothingToRelease
from app.releases.recipe import Recipe
from app.releases.status import Step
from app.services import Services, current_services
from catalog.wording import counted

STEPS: Final[dict[Step, str]] = {
    "wait": "waiting for another build",
    "stage": "computing the stage",
    "rows": "writing rows",
    "publish": "publishing",
    "done": "done",
}
"""What the steps of a build are called."""
_TERMINATED: Final = 128 + signal.SIGTERM


@click.command()
@with_appcontext
@shows_errors
@takes_recipe
@takes_reference
@click.option(
    "--maps/--no-maps",
    default=True,
    show_default=True,
    help="Whether maps are built of its stage and of the stages before it.",
)
def build(recipe: Recipe, reference: Reference, maps: bool) -> None:
    """Publish a stage of a snapshot as release NAME. A name is used once."""
    services, name = current_services(), recipe.name
    releases = services.publishing.releases
    recipe.check()
    snapshot = services.reading.snapshots.find_public(reference)
    if snapshot is None:
        raise NothingToRelease
    with _ending_on_sigterm(), _BuildProgress(f"{name} ({recipe.stage})") as bar:
        manifest = releases.build(recipe, snapshot, bar)
    click.echo(
        f"{releases.location(name)}: {counted(manifest.rows, ROW[manifest.form])} in "
        f"{counted(manifest.file_count, 'file')}, snapshot {manifest.snapshot_id}"
    )
    if maps:
        with _ending_on_sigterm():
            _make_maps(services, name)


def _make_maps(services: Services, release_name: str) -> None:
    """Build the maps of a release, which is published even if they fail."""
    with progress_bar() as bar:
        task = bar.add_task(f"{release_name}: maps", total=None)
        try:
            made = services.publishing.maps.build_with_release(
                release_name, MapParameters(), lambda rows: bar.advance(task, rows)
            )
        except EXPECTED as error:
            click.echo(f"not all maps of {release_name} are made: {reason_for(error)}", err=True)
            return
    for built in made:
        location = services.publishing.maps.location(built.name)
        click.echo(f"{location}: {counted(built.rows, POINT[built.parameters.kind])}")


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """End the block at SIGTERM as at Ctrl-C, so that a half built release is removed."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _BuildProgress:
    """Shows the progress of a build in a terminal."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._progress = progress_bar()
        self._task = self._progress.add_task(title, total=None)

    def step(self, step: Step, total: int | None) -> None:
        """Show the beginning of a step.

        Args:
            step: The step.
            total: The number of its rows; None when it isn't known.
        """
        self._progress.reset(self._task, total=total, description=f"{self._title}: {STEPS[step]}")

    def advance(self, rows: int) -> None:
        """Show that `rows` more rows are done."""
        self._progress.advance(self._task, rows)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
