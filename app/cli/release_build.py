"""`release build`: its options, its progress in a terminal, and the maps of the release."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self, get_args

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.cli.progress import progress_bar
from app.cli.reference import takes_reference
from app.failures import EXPECTED, reason_for
from app.maps.description import MapParameters
from app.maps.texts import POINT
from app.query.snapshots import Reference
from app.releases.descriptions.card import ROW
from app.releases.errors import NothingToRelease
from app.releases.recipe import (
    FLAGGED,
    FORMATS,
    FORMS,
    TEST_PERCENT,
    Flagged,
    Form,
    Format,
    MinRating,
    Recipe,
    sort_formats,
)
from app.releases.status import Step
from app.services import Services, current_services
from catalog.stages import STAGES, Stage
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


class _NameList(click.ParamType[tuple[str, ...]]):
    """A parameter that is a list of names with commas between them.

    Attributes:
        name: Name of the type in click's messages.
    """

    name = "words"

    def __init__(self, known: tuple[str, ...] = ()) -> None:
        """Accept the names in `known`, or any name when it is empty."""
        self._known = known

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Read the names from their text."""
        if isinstance(value, tuple):
            return value
        words = tuple(word.strip() for word in str(value).split(","))
        for word in words:
            if not word or (self._known and word not in self._known):
                expected = f"one of {', '.join(self._known)}" if self._known else "a word"
                self.fail(f"{word!r} is not {expected}", param, ctx)
        return words


@click.command()
@click.argument("name")
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    required=True,
    help="The stage to release. It is computed first where it isn't yet.",
)
@takes_reference
@click.option(
    "--form",
    type=click.Choice(FORMS),
    default=FORMS[0],
    show_default=True,
    help="What a row is: a conversation; a better and a worse answer to the same prompt "
    "(preference); or one answer that is good or bad (unpaired).",
)
@click.option(
    "--format",
    "formats",
    type=_NameList(FORMATS),
    default=FORMATS,
    show_default=",".join(FORMATS),
    help="The formats of its files, with commas between them.",
)
@click.option(
    "--language",
    "languages",
    type=_NameList(),
    default=(),
    help="Only conversations in these languages, such as en,de.",
)
@click.option(
    "--min-rating",
    type=click.Choice(get_args(MinRating)),
    help="Only conversations rated more positive than negative, or at least as much.",
)
@click.option(
    "--min-quality-score",
    type=float,
    help="Only conversations with at least this quality score, from 0 to 1, and those without one, "
    "which are in other languages than English and Chinese, or have short answers only.",
)
@click.option(
    "--only-licence",
    "licences",
    type=_NameList(),
    default=(),
    help="Only conversations under these licences, such as CC0-1.0,CC-BY-4.0. "
    "One that states none is under that of the release.",
)
@click.option(
    "--model",
    "models",
    type=_NameList(),
    default=(),
    help="Only conversations with these models, as agent or in a turn.",
)
@click.option(
    "--tools/--no-tools",
    "has_tools",
    default=None,
    help="Only conversations in which tools were offered or called, or only the others.",
)
@click.option(
    "--alternating",
    is_flag=True,
    help="Only conversations that strict chat templates take: user and assistant in turn, and an "
    "answer at the end.",
)
@click.option(
    "--flagged",
    type=click.Choice(FLAGGED),
    default=FLAGGED[0],
    show_default=True,
    help="What becomes of conversations with a turn that a scorer flagged: keep them, drop them, "
    "or keep only them.",
)
@click.option(
    "--shared-prompts",
    is_flag=True,
    help="With the form preference: also pair answers of several conversations to one prompt, "
    "where one was rated positive and the other negative.",
)
@click.option(
    "--test-percent",
    type=click.IntRange(0, 99),
    default=TEST_PERCENT,
    show_default=True,
    help="The share of the test split, in percent.",
)
@click.option(
    "--examples/--no-examples",
    "has_examples",
    default=False,
    show_default=True,
    help="Whether the card of a curated release shows beginnings of contributions that were left "
    "out, as examples of the reasons.",
)
@click.option("--licence", help="SPDX id of the licence; CHATLAKE_LICENCE by default.")
@click.option(
    "--maps/--no-maps",
    default=True,
    show_default=True,
    help="Whether maps are built of its stage and of the stages before it.",
)
@with_appcontext
@shows_errors
def build(  # noqa: PLR0913, PLR0917  # each is an option
    name: str,
    stage: Stage,
    reference: Reference,
    form: Form,
    formats: tuple[Format, ...],
    languages: tuple[str, ...],
    min_rating: MinRating | None,
    min_quality_score: float | None,
    licences: tuple[str, ...],
    models: tuple[str, ...],
    has_tools: bool | None,
    alternating: bool,
    flagged: Flagged,
    shared_prompts: bool,
    test_percent: int,
    has_examples: bool,
    licence: str | None,
    maps: bool,
) -> None:
    """Publish a stage of a snapshot as release NAME. A name is used once."""
    services = current_services()
    recipe = Recipe(
        name=name,
        stage=stage,
        licence=licence or services.settings.licence,
        form=form,
        formats=sort_formats(formats),
        languages=tuple(sorted(set(languages))),
        min_rating=min_rating,
        min_quality_score=min_quality_score,
        licences=tuple(sorted(set(licences))),
        models=tuple(sorted(set(models))),
        has_tools=has_tools,
        alternating=alternating,
        flagged=flagged,
        test_percent=test_percent,
        has_examples=has_examples,
        shared_prompts=shared_prompts,
    )
    recipe.check()
    snapshot = services.snapshots.find_public(reference)
    if snapshot is None:
        raise NothingToRelease
    with _ending_on_sigterm(), _BuildProgress(f"{name} ({stage})") as bar:
        manifest = services.releases.build(recipe, snapshot, bar)
    click.echo(
        f"{services.releases.location(name)}: {counted(manifest.rows, ROW[manifest.form])} in "
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
            made = services.maps.build_with_release(
                release_name, MapParameters(), lambda rows: bar.advance(task, rows)
            )
        except EXPECTED as error:
            click.echo(f"not all maps of {release_name} are made: {reason_for(error)}", err=True)
            return
    for built in made:
        location = services.maps.location(built.name)
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
