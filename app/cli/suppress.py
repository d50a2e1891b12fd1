"""`suppress`: keep contributions and contributors out of the stages."""

from uuid import UUID

import click
from flask.cli import with_appcontext

from app.access.audience import OPERATOR
from app.cli.errors import shows_errors
from app.curation.suppressions import SUPPRESSION_KINDS, SuppressionKind
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import current_services

_NOW = Reference()
_reason = click.option("--reason", help="Why; shown by `suppress list` and `curate --explain`.")


@click.group()
def suppress() -> None:
    """Keep contributions and contributors out of stages and releases that are built from now on.

    The raw table keeps them, and so do stages and releases that were built before.
    """


@suppress.command()
@click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID...")
@_reason
@with_appcontext
@shows_errors
def contribution(ids: tuple[UUID, ...], reason: str | None) -> None:
    """Suppress contributions and the versions that they superseded.

    When one of them isn't in the lake, none is suppressed.
    """
    services = current_services()
    view = services.snapshots.view(_NOW, OPERATOR)
    names: list[str] = []
    for contribution_id in ids:
        later = services.lineage.successor(view, contribution_id)
        if later:
            click.echo(
                f"{contribution_id} is left out of stages anyway: its later version {later} stays",
                err=True,
            )
        # No stage holds earlier versions, but a raw release holds every version.
        names += [*services.lineage.predecessors(view, contribution_id), str(contribution_id)]
    names = list(dict.fromkeys(names))
    _tell(services.suppressions.add("contribution", names, reason), len(names))


@suppress.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_reason
@with_appcontext
@shows_errors
def contributor(ids: tuple[str, ...], reason: str | None) -> None:
    """Suppress all contributions of contributors, also future ones; ID is a contributor_id."""
    services = current_services()
    view = services.snapshots.view(_NOW, OPERATOR)
    for contributor_id in ids:
        sent = Filters(contributor_id=contributor_id, all_versions=True)
        if not services.contributions.count(view, sent):
            click.echo(
                f"{contributor_id} has sent nothing so far; what comes later is left out", err=True
            )
    _tell(services.suppressions.add("contributor", ids, reason), len(ids))


@suppress.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List what is suppressed: kind, id, since when and why."""
    for entry in current_services().suppressions.entries():
        since = entry.suppressed_at.isoformat(timespec="seconds")
        click.echo(f"{entry.kind}\t{entry.identifier}\t{since}\t{entry.reason or ''}")


@suppress.command()
@click.argument("kind", type=click.Choice(SUPPRESSION_KINDS))
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@with_appcontext
@shows_errors
def lift(kind: SuppressionKind, ids: tuple[str, ...]) -> None:
    """End suppressions, so that later builds hold the contributions again.

    When one of the ids isn't suppressed, none is lifted.
    """
    current_services().suppressions.lift(kind, ids)
    click.echo(f"lifted {len(ids)}")


def _tell(added: int, given: int) -> None:
    before = f", {given - added} were so before" if added < given else ""
    click.echo(f"suppressed {added}{before}; what is built from now on leaves them out")
