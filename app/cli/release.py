"""`release`: build, list, show, publish, gate and remove releases."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self, get_args

import click
from flask.cli import with_appcontext

from app.access.roles import Role
from app.cli.errors import shows_errors
from app.cli.gates import ROLE_OPTION
from app.cli.hub import described, publish, unpublish
from app.cli.progress import progress_bar
from app.cli.reference import takes_reference
from app.failures import EXPECTED, reason_for
from app.maps.description import MapParameters
from app.query.snapshots import Reference
from app.releases.errors import NothingToRelease
from app.releases.manifest import Manifest
from app.releases.recipe import (
    FLAGGED,
    FORMATS,
    FORMS,
    RELEASE_NAMES,
    TEST_PERCENT,
    Flagged,
    Form,
    Format,
    MinRating,
    Recipe,
    sort_formats,
)
from app.releases.status import Status, Step
from app.services import Services, current_services
from catalog.stages import STAGES, Stage

_STEPS: Final[dict[Step, str]] = {
    "wait": "waiting for another build",
    "stage": "computing the stage",
    "rows": "writing rows",
    "publish": "publishing",
    "done": "done",
}
_ROWS: Final = {
    "conversations": "contributions",
    "preference": "pairs",
    "unpaired": "judged answers",
}
"""What the rows of each form are called."""
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


@click.group()
def release() -> None:
    """Build, list, show, publish, gate and remove releases."""


@release.command()
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
        f"{services.releases.location(name)}: {manifest.rows} {_ROWS[manifest.form]} in "
        f"{manifest.file_count} files, snapshot {manifest.snapshot_id}"
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
        click.echo(f"{location}: {built.rows} {built.parameters.kind}")


@release.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List the releases: name, stage, rows, snapshot, revision and repositories on the Hub."""
    services = current_services()
    repositories: dict[str, list[str]] = {}
    for each in services.releases.publications.all():
        repositories.setdefault(each.release, []).append(each.repository)
    for manifest in services.releases.all():
        columns = manifest.name, manifest.stage, manifest.rows, manifest.snapshot_id
        on_the_hub = ",".join(repositories.get(manifest.name, [])) or "-"
        click.echo("\t".join(map(str, (*columns, manifest.revision, on_the_hub))))


@release.command()
@click.argument("name")
@with_appcontext
@shows_errors
def show(name: str) -> None:
    """Show the state of release NAME, and what it holds."""
    services = current_services()
    releases = services.releases
    status = releases.status(name)
    lines = _status_lines(status)
    if needed := services.gates.needed("release", name):
        lines["gate"] = ", ".join(needed)
    if name in releases.held_back():
        lines["held back"] = "until what is taken down is out of it"
    elif status.state == "published":
        lines |= {"place": releases.location(name), **_manifest_lines(releases.find(name))}
    for title, value in lines.items():
        click.echo(f"{title:15} {value}")
    for publication in services.releases.publications.of_release(name):
        click.echo(f"{'on the Hub':15} {described(publication)}")


@release.command()
@click.argument("name")
@click.confirmation_option(prompt="Remove its files and tags for good?")
@with_appcontext
@shows_errors
def remove(name: str) -> None:
    """Remove the files and the tags of release NAME. The name can't be used again."""
    services = current_services()
    services.releases.remove(name)
    services.maps.remove_with_release(name)
    click.echo(f"{name} is removed; its name stays taken")


@release.command()
@click.argument("name")
@ROLE_OPTION
@with_appcontext
@shows_errors
def gate(name: str, role: Role) -> None:
    """Open release NAME and its maps to API keys only. It may be gated before it is built."""
    RELEASE_NAMES.check(name)
    services = current_services()
    services.gates.close("release", name, role)
    click.echo(f"within seconds, release {name} and its maps need a key with the role {role}")
    for each in services.releases.publications.of_release(name):
        if each.access == "public":
            click.echo(f"on the Hub, {each.repository} stays public; publish it with --gated")


@release.command()
@click.argument("name")
@with_appcontext
@shows_errors
def ungate(name: str) -> None:
    """Remove the gate of release NAME."""
    was_gated = current_services().gates.open("release", name)
    click.echo(f"release {name} {'has no gate any more' if was_gated else 'had no gate'}")


for _command in (publish, unpublish):
    release.add_command(_command)


def _status_lines(status: Status) -> dict[str, str]:
    lines = {"name": status.name, "stage": status.stage, "state": status.state}
    if status.state == "building":
        total = "" if status.rows_total is None else f" of {status.rows_total:,}"
        lines["step"] = f"{_STEPS[status.step]}, {status.rows_done:,}{total} rows"
    if status.reason:
        lines["reason"] = status.reason
    for title, moment in (("began", status.started_at), ("ended", status.ended_at)):
        if moment:
            lines[title] = moment.isoformat(timespec="seconds")
    return lines


def _manifest_lines(manifest: Manifest) -> dict[str, str]:
    size = sum(file.bytes for file in manifest.files)
    lines = {
        "snapshot": f"{manifest.snapshot_id} at {manifest.committed_at.isoformat()}",
        "licence": manifest.licence,
        _ROWS[manifest.form]: f"{manifest.rows:,}",
        "splits": _counts(manifest.splits),
        "files": f"{manifest.file_count}, {size:,} bytes",
        "left out": _counts(manifest.dropped),
        "languages": _counts(manifest.languages),
        "masked": _counts(manifest.masked),
    }
    if manifest.revision > 1:
        lines["revision"] = f"{manifest.revision}, {manifest.taken_down:,} rows were taken down"
    if manifest.sources:
        lines["known from"] = _counts(manifest.sources)
    if manifest.licences:
        lines["own licences"] = _counts(manifest.licences)
    if manifest.statistics and manifest.statistics.irregular:
        lines["irregular"] = _counts(manifest.statistics.irregular)
    return lines


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "-"


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
        self._progress.reset(self._task, total=total, description=f"{self._title}: {_STEPS[step]}")

    def advance(self, rows: int) -> None:
        """Show that `rows` more rows are done."""
        self._progress.advance(self._task, rows)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
