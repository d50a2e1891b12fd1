"""`curate`: build the stages, or explain what they did with a contribution."""

from collections.abc import Iterator
from typing import assert_never
from uuid import UUID

import click
from flask.cli import with_appcontext

from app.access.visibility.audience import OPERATOR
from app.cli.errors import shows_errors
from app.cli.progress import progress_bar
from app.cli.reference import takes_reference
from app.curation.errors import NothingToCurate
from app.curation.explain import Dropped, Explanation, Kept, StageExplanation
from app.query.snapshots import Reference
from app.services import current_services
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage

_NEWER = (
    "not known to it: the stage was built before the contribution came; run scripts/lake curate"
)


@click.command()
@click.option(
    "--stage",
    type=click.Choice(list(COMPUTED_STAGES)),
    default="curated",
    show_default=True,
    help="The last stage to build.",
)
@takes_reference
@click.option(
    "--explain",
    "explained",
    type=click.UUID,
    metavar="ID",
    help="Build nothing; explain what the stages did with the contribution with this id.",
)
@with_appcontext
@shows_errors
def curate(stage: ComputedStage, reference: Reference, explained: UUID | None) -> None:
    """Build the stages of a snapshot; only what has changed is computed."""
    if explained is not None:
        _explain(explained, reference)
    else:
        _build(stage, reference)


def _build(stage: ComputedStage, reference: Reference) -> None:
    services = current_services()
    snapshot = services.reading.snapshots.find_public(reference)
    if snapshot is None:
        raise NothingToCurate
    stages = services.curation.stages()
    with progress_bar() as progress:
        task = progress.add_task(stage, total=stages.total_rows(stage, snapshot))
        built = stages.build(stage, snapshot, lambda rows: progress.advance(task, rows))
    counts = {"contributions": snapshot.total_rows, **built.dropped, stage: built.rows}
    width = max(map(len, counts))
    for name, count in counts.items():
        sign = "-" if name in built.dropped else " "
        click.echo(f"{name:{width}}  {sign}{count:,}")
    click.echo(
        f"{stage} of snapshot {built.source_snapshot_id} is snapshot {built.snapshot_id}; "
        f"contributions cleaned: {built.computed_rows:,}"
    )
    if built.quarantined_rows:
        click.echo(f"put into quarantine by their scores: {built.quarantined_rows:,}")
    if built.unscored_rows:
        click.echo(
            f"without scores, since a scorer couldn't be asked: {built.unscored_rows:,}; "
            "run scripts/lake curate again"
        )


def _explain(contribution_id: UUID, reference: Reference) -> None:
    services = current_services()
    for line in _lines(
        services.curation.explanations.explain(
            services.reading.snapshots.view(reference, OPERATOR), contribution_id
        )
    ):
        click.echo(line)


def _lines(explanation: Explanation) -> Iterator[str]:
    yield f"contribution {explanation.contribution_id}"
    if explanation.superseded_by:
        yield f"superseded by its later version {explanation.superseded_by}"
    else:
        yield "the latest version of its conversation"
    if explanation.hidden:
        yield f"hidden: {', '.join(sorted(explanation.hidden))}"
    for stage in explanation.stages:
        yield f"{_stage(stage)}: {_outcome(stage, explanation)}"


def _stage(explanation: StageExplanation) -> str:
    if explanation.source_snapshot_id is None:
        return explanation.stage
    return f"{explanation.stage} of snapshot {explanation.source_snapshot_id}"


def _outcome(stage: StageExplanation, explanation: Explanation) -> str:
    match stage.outcome:
        case Kept() as kept:
            masked = ", ".join(f"{count} {kind}" for kind, count in kept.masked.items())
            return (
                f"kept; language {kept.language} ({kept.language_confidence:.2f}); "
                f"masked: {masked or 'nothing'}"
            )
        case Dropped() as dropped:
            return _left_out(dropped)
        case None:
            return _absent(stage, explanation)
        case _:
            assert_never(stage.outcome)


def _left_out(dropped: Dropped) -> str:
    measure = "" if dropped.measure is None else f" ({dropped.measure:.4g})"
    of_set = f" by {dropped.evaluation_set}" if dropped.evaluation_set else ""
    reason = f"left out: {dropped.reason}{measure}{of_set}"
    if dropped.kept_id is None:
        return reason
    if dropped.kept_dropped is None:
        return f"{reason}, {dropped.kept_id} was kept instead"
    return f"{reason} of {dropped.kept_id}, which was then {_left_out(dropped.kept_dropped)}"


def _absent(stage: StageExplanation, explanation: Explanation) -> str:
    if stage.source_snapshot_id is None:
        return "not built yet; run scripts/lake curate"
    reason = "superseded" if explanation.superseded_by else "hidden" if explanation.hidden else None
    if reason:
        return f"left out: {reason}"
    dropped_by = (other for other in explanation.stages if isinstance(other.outcome, Dropped))
    earlier = next(dropped_by, None)
    return f"left out by {earlier.stage} already" if earlier else _NEWER
