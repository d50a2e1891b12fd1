"""`moderation`: look at what was reported or is in quarantine, decide, and read the log."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import click
from flask.cli import with_appcontext

from app.access.moderation.log import LogEntry
from app.access.moderation.quarantine import STATES, State
from app.access.takedowns.records import Takedown
from app.cli.actor import current_actor
from app.cli.erasing import wait_option, wait_until_erased
from app.cli.errors import shows_errors
from app.cli.text import in_one_line, printable
from app.query.browsing.reviews import Review
from app.services import current_services

_PAGE: Final = 100
_LISTED_CHARACTERS: Final = 200
"""Length at which `list` cuts a text off."""
_INDENT: Final = "  "

_id = click.argument("contribution_id", type=click.UUID, metavar="ID")
_ids = click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID...")
_reason = click.option("--reason", help="Why; the log keeps it.")


@click.group()
def moderation() -> None:
    """Decide on contributions that were reported or are in quarantine."""


@moderation.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only what is hidden, or only reported.")
@click.option(
    "--min-reports",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Of what is only reported, only what has so many reports that wait.",
)
@with_appcontext
@shows_errors
def list_all(state: State | None, min_reports: int) -> None:
    """List what waits for a decision: id, why, and the beginning of the first turn."""
    services = current_services()
    after = None
    while True:
        page = services.moderation.reviews.page(_PAGE, after, state, min_reports)
        for review in page.reviews:
            parts = [review.contribution_id, _why(review), _beginning(review)]
            click.echo("\t".join(map(in_one_line, parts)))
        after = page.last_id
        if after is None:
            return


@moderation.command()
@_id
@with_appcontext
@shows_errors
def show(contribution_id: UUID) -> None:
    """Show a contribution with its text, why it is hidden, its reports, and decisions so far."""
    for line in _lines(current_services().moderation.reviews.find(contribution_id)):
        click.echo(line)


@moderation.command()
@_ids
@_reason
@with_appcontext
@shows_errors
def quarantine(ids: tuple[UUID, ...], reason: str | None) -> None:
    """Hide contributions, and the versions that they superseded, until somebody decides.

    When one of them isn't in the lake, none is hidden.
    """
    names = list(dict.fromkeys(map(str, ids)))
    added = current_services().moderation.service.put_into_quarantine(
        names, current_actor(), reason
    )
    before = f", {len(names) - added} were there before" if added < len(names) else ""
    click.echo(f"put into quarantine: {added}{before}")


@moderation.command()
@_ids
@_reason
@with_appcontext
@shows_errors
def approve(ids: tuple[UUID, ...], reason: str | None) -> None:
    """Show contributions again; the same reports don't hide them another time."""
    services = current_services()
    for each in map(str, ids):
        services.moderation.service.quarantine.approve(each, current_actor(), reason)
        click.echo(f"{each} is approved")


@moderation.command()
@_ids
@_reason
@wait_option
@with_appcontext
@shows_errors
def reject(ids: tuple[UUID, ...], reason: str | None, *, wait: bool) -> None:
    """Have contributions taken down.

    If the service runs, it erases them, within minutes; otherwise this command does.
    """
    services = current_services()
    takedowns: list[Takedown] = []
    try:
        for each in map(str, ids):
            takedowns += services.moderation.service.reject(each, current_actor(), reason)
            click.echo(f"{each} is rejected, and taken down")
    finally:
        # Also when there was nothing to decide on about one of them: the others are taken down.
        if wait and takedowns:
            wait_until_erased(services, takedowns)


@moderation.command("log")
@click.option("--limit", type=click.IntRange(min=1), default=_PAGE, show_default=True)
@click.option("--about", help="Only what was decided about this id.")
@with_appcontext
@shows_errors
def show_log(limit: int, about: str | None) -> None:
    """Show the newest decisions: when, who, what, about what, and why."""
    for entry in current_services().access.moderation_log.page(limit, identifier=about):
        click.echo(_decision(entry))


def _why(review: Review) -> str:
    """Return why a contribution waits, such as `reported as other 1, spam 2`."""
    causes = [
        cause.cause + (f" ({cause.reason})" if cause.reason else "") for cause in review.causes
    ]
    reported = [f"{reason} {number}" for reason, number in sorted(review.open_reports.items())]
    return ", ".join(causes) or f"reported as {', '.join(reported)}"


def _beginning(review: Review) -> str:
    if review.contribution is None:
        return ""
    (conversation,) = review.contribution["conversation"].to_pylist()
    text = " ".join((conversation[0]["content"] or "").split()) if conversation else ""
    return text if len(text) <= _LISTED_CHARACTERS else f"{text[:_LISTED_CHARACTERS]}…"


def _lines(review: Review) -> Iterator[str]:
    yield from map(in_one_line, _facts(review))
    for entry in review.log:
        yield f"decided: {_decision(entry)}"
    if review.contribution is None:
        return
    (row,) = review.contribution.to_pylist()
    yield f"contributor {row['contributor_id'] or 'anonymous'}"
    for turn in row["conversation"]:
        # Indented, so that no text looks like another turn, or like a decision.
        yield printable(f"{turn['role']}: {turn['content']}").replace("\n", f"\n{_INDENT}")


def _facts(review: Review) -> Iterator[str]:
    yield f"contribution {review.contribution_id}"
    for cause in review.causes:
        at = cause.quarantined_at.isoformat(timespec="seconds")
        why = f": {cause.reason}" if cause.reason else ""
        yield f"in quarantine since {at} by {cause.actor} for {cause.cause}{why}"
    for report in review.reports:
        at = report.reported_at.isoformat(timespec="seconds")
        reviewed = ", reviewed" if report.is_reviewed else ""
        comment = f": {report.comment}" if report.comment else ""
        yield f"reported at {at} by {report.reporter[:8]} as {report.reason}{reviewed}{comment}"
    for score in review.scores:
        said = "nothing" if score.score is None else f"{score.category} {score.score:.2f}"
        yield f"scored by {score.scorer} {score.version}: {said}"


def _decision(entry: LogEntry) -> str:
    at = entry.decided_at.isoformat(timespec="seconds")
    what = [entry.action, entry.kind, entry.identifier]
    return "\t".join(map(in_one_line, [at, entry.actor, *what, entry.reason or ""]))
